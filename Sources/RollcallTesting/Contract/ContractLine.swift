import Rollcall

/// One line of a contract, or one check of a line; run it against a harness of a backend.
public struct ContractLine<Harness: Sendable>: Sendable, CustomStringConvertible {
    /// Its name: `C1` to `C18`, with a letter where a line has several checks.
    public let name: String
    /// What it promises.
    public let promise: String
    /// Whether it cuts the server off or wipes it, so that no other line may run meanwhile.
    public let isExclusive: Bool
    private let check: @Sendable (Harness) async throws -> Void

    /// The text form.
    public var description: String { "\(self.name): \(self.promise)" }

    /// Creates a line.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - promise: What it promises.
    ///   - isExclusive: Whether no other line may run meanwhile.
    ///   - check: Checks the line, while the clients of the run run.
    ///   - begin: Begins a run of the line in a namespace of its own.
    init<Run: ContractRun>(
        _ name: String,
        _ promise: String,
        isExclusive: Bool = false,
        check: @escaping @Sendable (Run) async throws -> Void,
        begin: @escaping @Sendable (Harness, Namespace) async throws -> Run
    ) {
        self.name = name
        self.promise = promise
        self.isExclusive = isExclusive
        self.check = { harness in
            let run = try await begin(harness, try Namespace("contract-\(name)-\(InstanceID.random())"))
            try await run.alongside(body: { try await check(run) }) {
                await withTaskGroup(of: Void.self) { group in
                    for client in run.clients { group.addTask { try? await client.run() } }
                }
            }
        }
    }

    /// Checks the line.
    ///
    /// - Parameter harness: The backend.
    /// - Throws: ``ContractViolation``, or an error that the backend threw where it must not.
    public func run(on harness: Harness) async throws { try await self.check(harness) }
}

/// One run of one line.
protocol ContractRun: ContractChecking {
    /// The clients, which run until the line ends.
    var clients: [any Backend] { get }
}
