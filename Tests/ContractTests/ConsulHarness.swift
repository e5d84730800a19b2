import Rollcall
import RollcallConsul
import RollcallTesting

/// A real Consul, and a network that can be cut between it and its clients.
final class ConsulHarness: RegistryHarness, ConfigHarness, LockHarness {
    let name: String
    /// The servers grant sessions of a second here, so that locks need not be waited for.
    let shortTTL = Duration.seconds(1)
    let watchCycles = 1500
    private let server: ConsulServer
    private let proxy: FaultProxy

    private init(_ program: ServerProgram, _ server: ConsulServer) throws {
        self.name = program.description
        self.server = server
        self.proxy = try FaultProxy(to: server.httpPort)
    }

    /// Runs a proxy to a Consul for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - program: Which Consul.
    ///   - isAlone: Whether `body` harms the server, and so gets one of its own; else it is the suite's.
    ///   - body: What uses it.
    /// - Throws: What `body` throws, and `unavailable` for a server that does not start.
    static func withConsul(
        _ program: ServerProgram,
        alone isAlone: Bool,
        _ body: @escaping @Sendable (ConsulHarness) async throws -> Void
    ) async throws {
        if !isAlone, let server = SharedConsul.servers[program] {
            return try await Self.withProxy(ConsulHarness(program, server), body)
        }
        try await ConsulServer.withServer(program, Self.configuration) { server in
            try await Self.withProxy(ConsulHarness(program, server), body)
        }
    }

    /// What is asked of servers: short sessions, so that locks need not be waited for, and to tell what they are at.
    static let configuration = ConsulServer.Configuration(settings: [
        "session_ttl_min = \"1s\"", "enable_debug = true",
    ])

    private static func withProxy(
        _ harness: ConsulHarness,
        _ body: @escaping @Sendable (ConsulHarness) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await harness.proxy.run() }
            defer { group.cancelAll() }
            try await body(harness)
        }
    }

    private func make(_ namespace: Namespace) throws -> ConsulBackend {
        var configuration = ConsulBackend.Configuration()
        configuration.minimumSessionTTL = .seconds(1)
        return try ConsulBackend(
            url: "consul://127.0.0.1:\(self.proxy.port)",
            namespace: namespace,
            configuration: configuration
        )
    }

    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend { try self.make(namespace) }

    func makeConfigBackend(namespace: Namespace) async throws -> any ConfigBackend { try self.make(namespace) }

    func makeLockBackend(namespace: Namespace) async throws -> any LockBackend { try self.make(namespace) }

    func setReachable(_ isReachable: Bool) async throws {
        self.proxy.mode = isReachable ? .forward : .refuse
    }

    func wipe() async throws {
        self.proxy.mode = .refuse
        try await self.server.process.restart(keepingData: false)
        self.proxy.mode = .forward
    }

    /// Questions about services that wait for an answer.
    ///
    /// One about a key, or for the list of services, stays with the agent until its wait is over, whoever leaves.
    func serverSideWatches() async throws -> Int? { try await self.server.callCount("HealthServiceNodes") }
}
