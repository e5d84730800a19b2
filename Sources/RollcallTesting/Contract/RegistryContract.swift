import Rollcall

/// The contract of a registry, line by line: what every backend keeps, whoever wrote it.
///
/// Run each of ``lines`` against a ``RegistryHarness``; a line that is not kept throws ``ContractViolation``. Lines
/// may run at the same time, but for those that are ``ContractLine/isExclusive``, since they break the server for all.
public enum RegistryContract {
    /// One line of the contract: `C1` to `C14`, with a letter where a line has several checks.
    public typealias Line = ContractLine<any RegistryHarness>

    /// All lines.
    public static let lines: [Line] =
        Self.registrationLines + Self.ownershipLines + Self.watchingLines + Self.faultLines
}

extension RegistryContract.Line {
    init(
        _ name: String,
        _ promise: String,
        isExclusive: Bool = false,
        _ check: @escaping @Sendable (ContractContext) async throws -> Void
    ) {
        self.init(name, promise, isExclusive: isExclusive, check: check) { harness, namespace in
            ContractContext(
                harness: harness,
                line: name,
                namespace: namespace,
                first: try await harness.makeBackend(namespace: namespace),
                second: try await harness.makeBackend(namespace: namespace)
            )
        }
    }
}
