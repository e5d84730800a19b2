import Foundation
import Rollcall
import RollcallHub
import RollcallHubClient
import RollcallTesting

/// A hub with a journal, its HTTP API, and a network that can be cut between it and its clients.
final class HubHarness: RegistryHarness, ConfigHarness, LockHarness {
    let name = "hub"
    let shortTTL = Duration.seconds(1)
    let watchCycles = 10_000
    private let hub: HubServer
    private let proxy: FaultProxy
    private let folder = NSTemporaryDirectory() + "rollcall-contract-\(UUID().uuidString)"

    private init() throws {
        self.hub = try HubServer(HubServer.Configuration(port: 0, folder: self.folder))
        self.proxy = try FaultProxy(to: self.hub.port)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    /// Runs a hub and its proxy for as long as `body` runs.
    static func withHub(_ body: @escaping @Sendable (HubHarness) async throws -> Void) async throws {
        let harness = try HubHarness()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await harness.hub.run() }
            group.addTask { await harness.proxy.run() }
            defer { group.cancelAll() }
            try await body(harness)
        }
    }

    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend {
        try HubBackend(url: "hub://127.0.0.1:\(self.proxy.port)", namespace: namespace)
    }

    func makeConfigBackend(namespace: Namespace) async throws -> any ConfigBackend {
        try HubBackend(url: "hub://127.0.0.1:\(self.proxy.port)", namespace: namespace)
    }

    func makeLockBackend(namespace: Namespace) async throws -> any LockBackend {
        try HubBackend(url: "hub://127.0.0.1:\(self.proxy.port)", namespace: namespace)
    }

    func setReachable(_ isReachable: Bool) async throws {
        self.proxy.mode = isReachable ? .forward : .refuse
    }

    func wipe() async throws {
        self.hub.store.registry.wipe()
    }

    func serverSideWatches() async throws -> Int? {
        self.hub.store.watchCount
    }
}
