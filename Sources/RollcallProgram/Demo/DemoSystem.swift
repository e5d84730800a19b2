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
    private let interruption = Mutex<ReceivedSignal?>(nil)

    /// Binds all ports.
    ///
    /// - Parameters:
    ///   - context: Where to write.
    ///   - portBase: The first of the ports to take; `nil` for ports that are free.
    /// - Throws: `unavailable` for a port that is in use.
    init(_ context: CommandContext, portBase: Int?) async throws {
        self.context = context
        self.hub = try HubServer(HubServer.Configuration(port: portBase ?? 0, log: context.log))
        var configuration = RollcallConfiguration()
        configuration.discovery.balancer = .roundRobin
        configuration.discovery.log = context.log
        configuration.registrar.drain = .milliseconds(200)
        let backend = try HubBackend(url: self.hub.url, configuration: .init(log: context.log))
        self.client = RollcallClient(registry: backend, configuration: configuration)
        var gateway = GatewayConfiguration()
        gateway.port = portBase.map { $0 + 1 } ?? 0
        gateway.log = context.log
        self.gateway = try Gateway(client: self.client, configuration: gateway)
        self.folder = try TemporaryFolder(named: "rollcall-demo")
        self.logFile = self.folder.path + "/services.log"
        let log = try LogService(LogServiceConfiguration(path: self.logFile, log: context.log))
        self.logs = log.runner(client: self.client, port: portBase.map { $0 + 2 } ?? 0)
        self.visits = VisitService(client: self.client, port: portBase.map { $0 + 3 } ?? 0)
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
            try await self.logs.waitUntilRegistered()
            try await self.visits.runner.waitUntilRegistered()
            let providers = try ["one", "two"].map { try self.startProvider($0) }
            var code = ExitCode.done
            do {
                code = try await self.show(providers, isDone)
            } catch {
                for provider in providers { await provider.end() }
                throw error
            }
            for provider in providers { await provider.end() }
            self.visits.beginShutdown()
            self.logs.beginShutdown()
            await self.gateway.shutDown(within: .seconds(2))
            guard let signal = self.interruption.withLock({ $0 }) else { return code }
            return signal.number == ReceivedSignal.interrupt.number ? .interrupted : code
        }
    }

    /// Starts a service `hello` in a process of its own.
    private func startProvider(_ name: String) throws -> ChildProcess {
        let command = [
            try OwnProgram.path(), "hello", "--name", name, "--ttl", Self.ttl, "--backend",
            "hub" + self.hub.url.dropFirst(4),
        ]
        return try ChildProcess(
            command,
            environment: self.context.surroundings.environment.merging(["ROLLCALL_DRAIN": "200ms"]) { _, new in new },
            output: .file("/dev/null")
        )
    }

    private func show(_ providers: [ChildProcess], _ isDone: Signal) async throws -> ExitCode {
        let story = try DemoStory(self)
        try story.introduce()
        var failures = try await story.alternation()
        failures += try await story.visits()
        if !isDone.isRaised { failures += try await story.death(of: providers[0]) }
        try story.conclude(failures: failures)
        if !self.context.arguments.flag("exit") {
            try self.context.terminal.line("", Cell("It goes on until Control-C."))
            await isDone.wait()
        }
        return failures == 0 ? .done : .notThere
    }
}
