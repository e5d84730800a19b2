import HTTPEngine
import Rollcall
import RollcallTesting

@testable import RollcallHub

/// Hubs side by side in front of one registry in memory.
typealias Front = HubCaller<FrontServer>

/// Runs hubs in front of one engine for as long as `body` runs.
func withFronts<Value: Sendable>(
    _ count: Int = 2,
    log: Log = .silent,
    keys: [SealingKey]? = nil,
    engine: @escaping @Sendable (MemoryRegistry, Namespace) -> any RegistryBackend = {
        MemoryBackend(registry: $0, namespace: $1)
    },
    _ body: @escaping @Sendable ([Front]) async throws -> Value
) async throws -> Value {
    let registry = MemoryRegistry()
    let key = SealingKey()
    let fronts = try (0..<count).map { number in
        let configuration = FrontServer.Configuration(port: 0, leaseKey: keys?[number] ?? key, log: log)
        let server = try FrontServer(configuration) { (namespace) throws(BackendError) in engine(registry, namespace) }
        return try Front(server, port: server.port)
    }
    return try await withThrowingTaskGroup(of: Void.self) { group in
        for front in fronts { group.addTask { await front.server.run() } }
        defer { group.cancelAll() }
        return try await body(fronts)
    }
}

/// An engine that can be away, and has neither configuration nor locks.
struct FragileEngine: ForwardingBackend {
    let base: any RegistryBackend
    let isAway: MutexBox<Bool>
    /// Whether it says that it is well all the same, and has nothing true to tell from the beginning.
    var isWell = false

    func health() async -> BackendHealth {
        guard self.isAway.value, !self.isWell else { return await self.base.health() }
        return BackendHealth(unreachable: BackendError(.unavailable, "nobody there"))
    }

    func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        throw BackendError(.unsupported, "a lease lives in a connection here")
    }

    /// Delivers what it can, says that it has lost its engine while that is away, and what is there once it is back.
    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let last = MutexBox<ServiceSnapshot?>(nil)
        await race {
            _ = try? await self.follow(service) { snapshot in
                last.change { $0 = snapshot }
                if !self.isWell || !self.isAway.value { deliver(snapshot) }
            }
        } _: {
            let clock = TimeSource()
            var isStale = false
            while (try? await clock.sleep(for: .milliseconds(10))) != nil {
                guard var snapshot = last.value, self.isAway.value || isStale else { continue }
                isStale = self.isAway.value
                if isStale { snapshot.freshness = .stale(since: clock.now) }
                deliver(snapshot)
            }
        }
        throw BackendError(.cancelled, "the task was cancelled")
    }

    private func follow(
        _ service: ServiceName,
        _ deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) {
        try await self.base.watch(service, deliver: deliver)
    }
}
