import Rollcall
import RollcallGateway
import RollcallHub
import RollcallHubClient
import RollcallLogService
import RollcallService
import RollcallVisitService
import Synchronization

/// The parts of the demonstration, in this process but for the services `hello`.
final class DemoSystem: Sendable {
    /// How long a killed service outlives its process in the registry.
    private static let ttl = "2s"

    let context: CommandContext
    let hub: HubServer
    let client: RollcallClient
    let gateway: Gateway
    /// The file of the log service.
    let logFile: String
    let visits: VisitService
    private let logs: ServiceRunner
    private let folder: TemporaryFolder
    /// Ends the services `hello` with this process, even if that is killed.
    private let lifeline: Lifeline
    private let providers = Mutex<[ChildProcess]>([])
    private let interruption = Mutex<ReceivedSignal?>(nil)

    /// Binds all ports.
    ///
    /// - Parameters:
    ///   - context: Where to write.
    ///   - portBase: The first of the ports to take; `nil` for ports that are free.
    /// - Throws: A ``CommandFailure`` for a port that is in use.
    init(_ context: CommandContext, portBase: Int?) async throws {
        let advice = "--port-base names other ports"
        self.context = context
        self.hub = try CommandFailure.local(advice: advice) { () throws(BackendError) in
            try HubServer(HubServer.Configuration(port: portBase ?? 0, log: context.log))
        }
        var configuration = RollcallConfiguration()
        configuration.discovery.balancer = .roundRobin
        configuration.discovery.log = context.log
        configuration.registrar.drain = .milliseconds(200)
        let backend = try HubBackend(url: self.hub.url, configuration: .init(log: context.log))
        let client = RollcallClient(registry: backend, configuration: configuration)
        self.client = client
        self.gateway = try CommandFailure.local(advice: advice) { () throws(BackendError) in
            var gateway = GatewayConfiguration()
            gateway.port = portBase.map { $0 + 1 } ?? 0
            gateway.log = context.log
            return try Gateway(client: client, configuration: gateway)
        }
        self.lifeline = try Lifeline()
        self.folder = try TemporaryFolder(named: "rollcall-demo")
        self.logFile = self.folder.path + "/services.log"
        let log = try LogService(LogServiceConfiguration(path: self.logFile, log: context.log))
        self.logs = log.runner(client: client, port: portBase.map { $0 + 2 } ?? 0)
        self.visits = VisitService(client: client, port: portBase.map { $0 + 3 } ?? 0)
    }

    /// Takes note of the signal that ends the demonstration.
    func note(_ signal: ReceivedSignal) {
        self.interruption.withLock { $0 = $0 ?? signal }
    }

    /// Runs everything, and the requests.
    ///
    /// - Parameter isDone: Raised when it is to end.
    /// - Returns: What the shell is told.
    /// - Throws: Why a part cannot go on.
    func run(until isDone: Signal) async throws -> ExitCode {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.hub.run() }
            group.addTask { try await self.client.run() }
            group.addTask { try await self.gateway.run() }
            group.addTask { try await self.logs.run() }
            group.addTask { try await self.visits.run() }
            defer { group.cancelAll() }
            do {
                try await self.logs.waitUntilRegistered()
                try await self.visits.runner.waitUntilRegistered()
            } catch {
                // Why it ended says more.
                try await Self.firstFailure(in: &group)
                throw error
            }
            var code = ExitCode.done
            do {
                for name in ["one", "two"] { try self.startProvider(name) }
                code = try await self.show(isDone)
            } catch {
                await self.endProviders()
                throw error
            }
            await self.endProviders()
            self.visits.beginShutdown()
            self.logs.beginShutdown()
            await self.gateway.shutDown(within: .seconds(2))
            guard let signal = self.interruption.withLock({ $0 }) else { return code }
            return signal.number == ReceivedSignal.interrupt.number ? .interrupted : code
        }
    }

    /// Leaves nothing behind, at once.
    func abandon() {
        for provider in self.providers.withLock({ $0 }) { provider.signal(ReceivedSignal.kill.number) }
        self.folder.remove()
    }

    private static func firstFailure(in group: inout ThrowingTaskGroup<Void, any Error>) async throws {
        do {
            try await group.next()
        } catch let error as ServiceRunError {
            let what = error.failures.map { ($0.error as? BackendError)?.message ?? "\($0.error)" }
            throw CommandFailure(
                what.joined(separator: "; "),
                advice: error.failures.contains { $0.stage == .listen } ? ["--port-base names other ports"] : [],
                exitCode: .notThere
            )
        }
    }

    /// Starts a service `hello` in a process of its own.
    private func startProvider(_ name: String) throws {
        let command = [
            try OwnProgram.path(), "hello", "--name", name, "--ttl", Self.ttl, "--until-input-ends",
            "--backend", "hub" + self.hub.url.dropFirst(4), "--namespace", "default",
        ]
        // What the user set for other registries means nothing to this one.
        var environment = self.context.surroundings.environment.filter { !$0.key.hasPrefix("ROLLCALL_") }
        environment["ROLLCALL_DRAIN"] = "200ms"
        let provider = try ChildProcess(
            command,
            environment: environment,
            input: .descriptor(self.lifeline.readingEnd),
            output: .file("/dev/null")
        )
        self.providers.withLock { $0.append(provider) }
    }

    private func endProviders() async {
        for provider in self.providers.withLock({ $0 }) { await provider.end() }
    }

    private func show(_ isDone: Signal) async throws -> ExitCode {
        let story = try DemoStory(self)
        try story.introduce()
        var failures = try await story.alternation()
        failures += try await story.visits()
        if !isDone.isRaised, let first = self.providers.withLock({ $0.first }) {
            failures += try await story.death(of: first)
        }
        try story.conclude(failures: failures)
        if !self.context.arguments.flag("exit") {
            try self.context.terminal.line("", Cell("It goes on until Control-C."))
            await isDone.wait()
        }
        return failures == 0 ? .done : .notThere
    }
}
