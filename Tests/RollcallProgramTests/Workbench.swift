import Rollcall
import RollcallProgram
import Synchronization

/// Collects what a program writes.
final class Transcript: Sendable {
    private let collected = Mutex<[UInt8]>([])

    /// What was written so far.
    var bytes: [UInt8] { self.collected.withLock { $0 } }

    /// What was written so far.
    var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// The lines that were written so far.
    var lines: [String] { self.text.split(separator: "\n").map(String.init) }

    /// A sink that writes here.
    func sink(isTerminal: Bool = false) -> OutputSink {
        OutputSink(isTerminal: isTerminal) { bytes throws(OutputError) in self.collected.withLock { $0 += bytes } }
    }
}

/// The program in this process, on a registry of its own.
///
/// The backend `memory:` is that registry; `failing:CODE` fails with that code at everything.
struct Workbench: Sendable {
    let registry: MemoryRegistry
    let output = Transcript()
    let errors = Transcript()
    let signals = SignalInbox()
    let hastyExit = Signal()
    var environment = ["ROLLCALL_BACKEND": "memory:", "ROLLCALL_DRAIN": "1ms", "PATH": "/usr/bin:/bin"]
    var isTerminal = false
    var checkHTTP: (@Sendable (CheckURL) async -> String?)?
    var answersAt: @Sendable (String, UInt16) async -> Bool = { _, _ in false }
    /// Standard input.
    var input: [UInt8] = []
    var clock = TimeSource()

    init() {
        self.registry = MemoryRegistry()
    }

    /// The program once more, on the same registry.
    init(sharing other: Workbench) {
        self.registry = other.registry
    }

    /// What the user of another process would see of the registry.
    var backend: MemoryBackend { MemoryBackend(registry: self.registry) }

    var program: Program {
        let services = ProgramServices(
            backends: { [registry] _ in
                [
                    "memory": { (_, namespace) throws(BackendError) in
                        MemoryBackend(registry: registry, namespace: namespace)
                    },
                    "failing": { (url, _) throws(BackendError) in try FailingBackend(url) },
                ]
            },
            checkHTTP: self.checkHTTP,
            answersAt: self.answersAt,
            clock: self.clock
        )
        return Program(services: services)
    }

    /// Runs the program to its end.
    func run(_ arguments: String...) async -> ExitCode { await self.run(arguments) }

    /// Runs the program to its end.
    func run(_ arguments: [String]) async -> ExitCode {
        await self.program.run(
            arguments,
            in: Surroundings(
                environment: self.environment,
                output: self.output.sink(isTerminal: self.isTerminal),
                errors: self.errors.sink(isTerminal: self.isTerminal),
                input: { [input = self.input] in input },
                signals: self.signals,
                exitNow: { _ in self.hastyExit.raise() }
            )
        )
    }

    /// Runs the program while `body` runs, which makes it end; returns its exit code.
    ///
    /// - Parameters:
    ///   - line: Arguments without blanks in them.
    ///   - script: What a shell runs as the program's command.
    ///   - body: Makes the program end.
    /// - Returns: The exit code.
    /// - Throws: What `body` throws.
    func running(_ line: String, script: String? = nil, while body: () async throws -> Void) async throws -> ExitCode {
        let command = script.map { ["--", "sh", "-c", $0] } ?? []
        let arguments = line.split(separator: " ").map(String.init) + command
        return try await withThrowingTaskGroup(of: ExitCode.self) { group in
            group.addTask { await self.run(arguments) }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            return try await group.next() ?? .interrupted
        }
    }

    /// Registers an instance for longer than any test.
    @discardableResult
    func register(_ service: String, _ id: String, _ change: InstanceChange = InstanceChange()) async throws
        -> any InstanceLease
    {
        try await self.backend.register(Self.instance(service, id, change), ttl: .seconds(3600))
    }

    /// An instance at an address that nobody has.
    static func instance(
        _ service: String,
        _ id: String,
        _ change: InstanceChange = InstanceChange()
    ) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName(service),
            id: InstanceID(id),
            endpoints: [Endpoint("http://192.0.2.1:8080")],
            version: SemanticVersion("1.4.2"),
            zone: "a"
        ).applying(change)
    }

    /// The instances of a service as others see them.
    func instances(_ service: String) async throws -> [ServiceInstance] {
        try await self.backend.instances(of: ServiceName(service)).instances
    }
}

/// Fails with one code at everything.
final class FailingBackend: RegistryBackend {
    let name = "failing"
    let capabilities = BackendCapabilities(ttl: .milliseconds(100)...(.seconds(3600)), expirySlack: .zero)
    private let code: BackendError.Code

    /// Takes the code from `failing:CODE`.
    init(_ url: String) throws(BackendError) {
        let name = String(url.drop { $0 != ":" }.dropFirst())
        guard let code = BackendError.Code(named: name) else {
            throw BackendError(.invalidArgument, "no code is named \(name)")
        }
        self.code = code
    }

    private var failure: BackendError {
        BackendError(self.code, "as asked\u{1B}[2J", backend: self.name, operation: "fail", key: "web")
    }

    func run() async throws(BackendError) { await Signal().wait() }

    func health() async -> BackendHealth {
        BackendHealth(isReachable: false, canRead: false, canWrite: false, error: self.code)
    }

    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        throw self.failure
    }

    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot { throw self.failure }

    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never { throw self.failure }

    func services() async throws(BackendError) -> [ServiceSummary] { throw self.failure }

    func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never { throw self.failure }

    func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance { throw self.failure }

    func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) { throw self.failure }

    func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease { throw self.failure }
}
