import Rollcall
import Synchronization

/// A registration that lasts while heart-beats come.
final class HeartbeatLease: InstanceLease {
    let token: LeaseToken
    var ttl: Duration { self.backend.configuration.silence }
    private let backend: HeartbeatRegistryBackend
    private let info: HeartbeatServiceInfo
    /// Whether the registry was told that the instance is not to be called.
    private let isWithdrawn = Mutex(false)

    init(backend: HeartbeatRegistryBackend, info: HeartbeatServiceInfo, instance: ServiceInstance) {
        self.backend = backend
        self.info = info
        self.token = LeaseToken(service: instance.service, id: instance.id, secret: "")
    }

    func renew() async throws(BackendError) {
        guard let end = self.backend.forgottenAt, self.clock.now < end else { throw self.lost }
    }

    func keepAlive() async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        while true {
            guard let end = self.backend.forgottenAt else { throw self.lost }
            // One that was taken out is not checked, and must not come back.
            let isHeld = self.clock.now < end || self.isWithdrawn.withLock { $0 }
            guard isHeld else { throw self.lost }
            try await self.clock.pause(for: max(self.clock.now.duration(to: end), .milliseconds(100)))
        }
    }

    func update(_ instance: ServiceInstance) async throws(BackendError) {
        let isCallable = instance.status != .maintenance && instance.status != .critical && instance.weight > 0
        // The registry knows neither status nor weight: an instance is in it or is not.
        guard isCallable == self.isWithdrawn.withLock({ $0 }) else { return }
        if isCallable { try await self.backend.announce(self.info) } else { try await self.backend.withdraw(self.info) }
        self.isWithdrawn.withLock { $0 = !isCallable }
    }

    func revoke() async throws(BackendError) {
        self.isWithdrawn.withLock { $0 = true }
        if self.backend.state.withLock({ $0.mayBeKnown }) { try await self.backend.withdraw(self.info) }
        self.backend.state.withLock { state in
            if state.registered == self.info { state.registered = nil }
        }
    }

    private var clock: TimeSource { self.backend.configuration.clock }

    private var lost: BackendError {
        BackendError(
            .leaseLost,
            "no heart-beat came for \(self.ttl.text): the registry has forgotten the instance, or cannot reach it",
            backend: self.backend.name
        )
    }
}
