import Rollcall
import RollcallTesting
import Synchronization

/// Runs a discovery and its backend for as long as `body` runs.
func withDiscovery(_ discovery: Discovery, _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await discovery.backend.run() }
        group.addTask { try? await discovery.run() }
        while !discovery.isRunning { await Task.yield() }
        defer { group.cancelAll() }
        try await body()
    }
}

/// A backend whose watches can be broken, and whose registrations can be made to fail.
final class BreakingBackend: ForwardingBackend {
    private struct State {
        var breakage = Signal()
        var refusals: [BackendError] = []
        var registrations = 0
    }

    let name = "breaking"
    let base: any RegistryBackend
    private let state = Mutex(State())
    private let fate: BackendError?

    init(_ base: any RegistryBackend, runEndsWith fate: BackendError? = nil) {
        self.base = base
        self.fate = fate
    }

    /// How often register was called.
    var registrations: Int { self.state.withLock { $0.registrations } }

    /// Ends all open watches with an error.
    func breakWatches() {
        let breakage = self.state.withLock { state in
            defer { state.breakage = Signal() }
            return state.breakage
        }
        breakage.raise()
    }

    /// Makes the next registrations fail, one for each error.
    func refuse(_ errors: [BackendError]) {
        self.state.withLock { $0.refusals = errors }
    }

    func run() async throws(BackendError) {
        if let fate = self.fate { throw fate }
        try await self.base.run()
    }

    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        let refusal = self.state.withLock { state in
            state.registrations += 1
            return state.refusals.isEmpty ? nil : state.refusals.removeFirst()
        }
        if let refusal { throw refusal }
        return try await self.base.register(instance, ttl: ttl)
    }

    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let breakage = self.state.withLock { $0.breakage }
        await race {
            _ = try? await self.base.watch(service, deliver: deliver)
        } _: {
            await breakage.wait()
        }
        throw BackendError(.unavailable, "the watch broke")
    }
}
