import Rollcall

/// The contract of a registry, line by line: what every backend keeps, whoever wrote it.
///
/// Run each of ``lines`` against a ``RegistryHarness``; a line that is not kept throws ``ContractViolation``. Lines
/// may run at the same time, but for those that are ``Line/isExclusive``, since they break the server for all.
public enum RegistryContract {
    /// One line of the contract.
    public struct Line: Sendable, CustomStringConvertible {
        /// Its name: `C1` to `C14`, with a letter where a line has several checks.
        public let name: String
        /// What it promises.
        public let promise: String
        /// Whether it cuts the server off or wipes it, so that no other line may run meanwhile.
        public let isExclusive: Bool
        let check: @Sendable (ContractContext) async throws -> Void

        /// The text form.
        public var description: String { "\(self.name): \(self.promise)" }

        init(
            _ name: String,
            _ promise: String,
            isExclusive: Bool = false,
            _ check: @escaping @Sendable (ContractContext) async throws -> Void
        ) {
            self.name = name
            self.promise = promise
            self.isExclusive = isExclusive
            self.check = check
        }

        /// Checks the line.
        ///
        /// - Parameter harness: The backend.
        /// - Throws: ``ContractViolation``, or an error that the backend threw where it must not.
        public func run(on harness: any RegistryHarness) async throws {
            let namespace = try Namespace("contract-\(self.name)-\(InstanceID.random())")
            let context = ContractContext(
                harness: harness,
                line: self.name,
                namespace: namespace,
                first: try await harness.makeBackend(namespace: namespace),
                second: try await harness.makeBackend(namespace: namespace)
            )
            try await context.alongside(body: { try await self.check(context) }) {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { try? await context.first.run() }
                    group.addTask { try? await context.second.run() }
                }
            }
        }
    }

    /// All lines.
    public static let lines: [Line] =
        Self.registrationLines + Self.ownershipLines + Self.watchingLines + Self.faultLines
}
