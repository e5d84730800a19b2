import Rollcall
import Synchronization

/// The leases whose holders renew through this hub.
///
/// They are kept to save the engine a question: whatever is not here is taken up by its sealed token.
final class FrontLeases: Sendable {
    private struct Known {
        let lease: any InstanceLease
        var deadline: TimeSource.Instant
    }

    private let engine: any RegistryBackend
    private let seal: LeaseSeal
    private let clock: TimeSource
    private let known = Mutex<[LeaseToken: Known]>([:])

    init(engine: any RegistryBackend, seal: LeaseSeal, clock: TimeSource) {
        self.engine = engine
        self.seal = seal
        self.clock = clock
    }

    /// Whether nobody renews through this hub.
    var isEmpty: Bool { self.known.withLock { $0.isEmpty } }

    /// Registers an instance.
    ///
    /// - Returns: What its holder renews it with, and the time-to-live.
    /// - Throws: A ``BackendError``.
    func register(
        _ instance: ServiceInstance,
        ttl: Duration
    ) async throws(BackendError) -> (token: LeaseToken, lease: any InstanceLease) {
        let lease = try await self.engine.register(instance, ttl: ttl)
        let secret = self.seal.secret(of: lease.token)
        let token = LeaseToken(service: instance.service, id: instance.id, secret: secret)
        self.keep(lease, token)
        return (token, lease)
    }

    /// Renews a lease.
    ///
    /// - Returns: Its time-to-live.
    /// - Throws: `leaseLost`, `displaced`, `removed`, or why the engine cannot be asked.
    func renew(_ token: LeaseToken) async throws(BackendError) -> Duration {
        do throws(BackendError) {
            if let lease = self.known.withLock({ $0[token]?.lease }) {
                try await lease.renew()
                self.keep(lease, token)
                return lease.ttl
            }
            let lease = try await self.lease(token)
            try await lease.renew()
            self.keep(lease, token)
            return lease.ttl
        } catch {
            if error.code == .leaseLost || error.code == .displaced || error.code == .removed { self.forget(token) }
            throw error
        }
    }

    /// The lease that a token stands for.
    ///
    /// - Throws: `leaseLost` for one that is over, or that lives in another hub.
    func lease(_ token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        if let lease = self.known.withLock({ $0[token]?.lease }) { return lease }
        let inner = try self.seal.token(of: token)
        do throws(BackendError) {
            return try await self.engine.lease(resuming: inner)
        } catch  where error.code == .unsupported {
            // Such a lease lives in the hub that gave it.
            throw BackendError(.leaseLost, "the lease ended with the hub that gave it; register again")
        }
    }

    /// Ends a lease; once more changes nothing.
    func revoke(_ token: LeaseToken) async throws(BackendError) {
        do throws(BackendError) {
            try await self.lease(token).revoke()
            self.forget(token)
        } catch  where [.leaseLost, .displaced, .removed].contains(error.code) {
            self.forget(token)
        }
    }

    /// Forgets leases that nobody renewed in time here: their holders renew elsewhere, or not at all.
    func forgetOld() {
        let now = self.clock.now
        self.known.withLock { $0 = $0.filter { $0.value.deadline > now } }
    }

    private func keep(_ lease: any InstanceLease, _ token: LeaseToken) {
        let deadline = self.clock.now.advanced(by: lease.ttl * 2)
        self.known.withLock { $0[token] = Known(lease: lease, deadline: deadline) }
    }

    private func forget(_ token: LeaseToken) { self.known.withLock { $0[token] = nil } }
}
