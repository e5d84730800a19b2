import Foundation
import Rollcall
import RollcallEtcd
import RollcallTesting

/// A real etcd, and a network that can be cut between it and its clients.
final class EtcdHarness: RegistryHarness, ConfigHarness, LockHarness {
    let name: String
    // The least that the driver asks for.
    let shortTTL = Duration.seconds(2)
    let watchCycles = 1500
    private let server: EtcdServer
    private let proxy: FaultProxy

    private init(_ server: EtcdServer, _ program: ServerProgram) throws {
        self.name = program.description
        self.server = server
        self.proxy = try FaultProxy(to: server.clientPort)
    }

    /// Runs an etcd and a proxy before it for as long as `body` runs.
    static func withServer(
        _ program: ServerProgram,
        _ body: @escaping @Sendable (EtcdHarness) async throws -> Void
    ) async throws {
        try await EtcdServer.withServer(program) { server in
            let harness = try EtcdHarness(server, program)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await harness.proxy.run() }
                defer { group.cancelAll() }
                try await body(harness)
            }
        }
    }

    private func client(_ namespace: Namespace) throws -> EtcdBackend {
        try EtcdBackend(url: "etcd://127.0.0.1:\(self.proxy.port)", namespace: namespace)
    }

    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend { try self.client(namespace) }

    func makeConfigBackend(namespace: Namespace) async throws -> any ConfigBackend { try self.client(namespace) }

    func makeLockBackend(namespace: Namespace) async throws -> any LockBackend { try self.client(namespace) }

    func setReachable(_ isReachable: Bool) async throws {
        self.proxy.mode = isReachable ? .forward : .refuse
    }

    func wipe() async throws {
        try await self.server.restart(keepingData: false)
    }

    func serverSideWatches() async throws -> Int? {
        Int(try await self.server.metric("etcd_debugging_mvcc_watcher_total"))
    }
}
