import Foundation
import Rollcall
import RollcallEtcd
import RollcallHub
import RollcallHubClient
import RollcallTesting

/// A hub in front of a real etcd, and a network that can be cut between the two.
final class FrontHarness: RegistryHarness, ConfigHarness, LockHarness {
    let name: String
    let shortTTL = Duration.seconds(2)
    let watchCycles = 1500
    private let server: EtcdServer
    private let proxy: FaultProxy
    private let hub: FrontServer

    private init(_ server: EtcdServer, _ program: ServerProgram) throws {
        self.name = "hub before \(program)"
        self.server = server
        let proxy = try FaultProxy(to: server.clientPort)
        self.proxy = proxy
        var configuration = FrontServer.Configuration(port: 0)
        // The suite counts what is at work in the process, this hub's watches of the engine among it.
        configuration.linger = .milliseconds(100)
        self.hub = try FrontServer(configuration) { (namespace) throws(BackendError) in
            try EtcdBackend(url: "etcd://127.0.0.1:\(proxy.port)", namespace: namespace)
        }
    }

    /// Runs an etcd and a hub in front of it for as long as `body` runs.
    static func withServer(
        _ program: ServerProgram,
        _ body: @escaping @Sendable (FrontHarness) async throws -> Void
    ) async throws {
        try await EtcdServer.withServer(program) { server in
            let harness = try FrontHarness(server, program)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await harness.proxy.run() }
                group.addTask { await harness.hub.run() }
                defer { group.cancelAll() }
                try await body(harness)
            }
        }
    }

    /// A client that knows from the hub what stands behind it.
    private func client(_ namespace: Namespace) async throws -> HubBackend {
        let client = try HubBackend(url: "hub://127.0.0.1:\(self.hub.port)", namespace: namespace)
        _ = await client.health()
        return client
    }

    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend {
        let client = try await self.client(namespace)
        // The hub's own client of the namespace, which is in this process, is at work before the suite counts that.
        _ = try? await client.services()
        return client
    }

    func makeConfigBackend(namespace: Namespace) async throws -> any ConfigBackend {
        WithoutHistory(base: try await self.client(namespace))
    }

    func makeLockBackend(namespace: Namespace) async throws -> any LockBackend { try await self.client(namespace) }

    func setReachable(_ isReachable: Bool) async throws {
        self.proxy.mode = isReachable ? .forward : .refuse
    }

    func wipe() async throws {
        try await self.server.restart(keepingData: false)
    }

    func serverSideWatches() async throws -> Int? { self.hub.watchCount }
}

/// A hub's configuration as an engine has it that keeps no history.
private struct WithoutHistory: ConfigBatchBackend {
    let base: HubBackend

    var name: String { self.base.name }
    var capabilities: BackendCapabilities { self.base.capabilities }
    var configCapabilities: ConfigCapabilities { self.base.configCapabilities }

    func run() async throws(BackendError) { try await self.base.run() }

    func health() async -> BackendHealth { await self.base.health() }

    func entry(for key: ConfigKey) async throws(BackendError) -> ConfigEntry? { try await self.base.entry(for: key) }

    func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        try await self.base.write(draft, to: key, expecting: expectation)
    }

    func delete(_ key: ConfigKey, expecting expectation: ConfigExpectation) async throws(BackendError) -> Bool {
        try await self.base.delete(key, expecting: expectation)
    }

    func keys(under prefix: String) async throws(BackendError) -> [ConfigSummary] {
        try await self.base.keys(under: prefix)
    }

    func watch(
        _ key: ConfigKey,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        try await self.base.watch(key, deliver: deliver)
    }

    func apply(_ changes: [ConfigChange]) async throws(BackendError) -> [ConfigEntry?] {
        try await self.base.apply(changes)
    }
}
