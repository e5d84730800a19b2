import Rollcall
import Synchronization

/// The locks of an engine that clients hold through this hub.
///
/// The hub renews in the engine when its client renews here, and never else: so a lock is free when its client has been
/// silent for its time-to-live, whatever becomes of the hub. At another hub it cannot be renewed.
final class FrontLocks: Sendable {
    private struct Holder: Hashable {
        let name: LockName
        let proof: String
    }

    /// A lock that a client holds, as far as this hub knows.
    private struct Held {
        let lease: any LockLease
        var deadline: TimeSource.Instant
    }

    let engine: any LockBackend
    private let clock: TimeSource
    private let held = Mutex<[Holder: Held]>([:])

    init(engine: any LockBackend, clock: TimeSource) {
        self.engine = engine
        self.clock = clock
    }

    /// How many locks are held through this hub.
    var count: Int { self.held.withLock { $0.count } }

    /// Takes a lock; a repeated call by the same caller gets the same grant.
    ///
    /// - Parameters:
    ///   - name: The lock.
    ///   - proof: What the caller is known by.
    ///   - ttl: How long the lock outlives its last renewal.
    ///   - wait: How long to wait.
    ///   - end: Raised when the caller is gone.
    /// - Returns: The token and the time-to-live; `nil` when it was not to be had in time, or the caller is gone.
    /// - Throws: A ``BackendError``.
    func acquire(
        _ name: LockName,
        proof: String,
        ttl: Duration,
        wait: Duration,
        end: Signal
    ) async throws(BackendError) -> (token: UInt64, ttl: Duration)? {
        let holder = Holder(name: name, proof: proof)
        if let lease = self.held.withLock({ $0[holder]?.lease }) {
            try await self.renew(lease, holder)
            return (lease.token, lease.ttl)
        }
        // The engine has no call that does not wait.
        if wait <= .zero, try await self.engine.holder(of: name) != nil { return nil }
        let outcome = MutexCell<Result<any LockLease, BackendError>>()
        await race { [engine] in
            do throws(BackendError) {
                outcome.set(.success(try await engine.acquire(name, ttl: ttl)))
            } catch {
                outcome.set(.failure(error))
            }
        } _: { [clock] in
            await race {
                try? await clock.sleep(for: wait > .zero ? wait : FrontRegistry.patience)
            } _: {
                await end.wait()
            }
        }
        guard let result = outcome.value else { return nil }
        let lease: any LockLease
        do throws(BackendError) {
            lease = try result.get()
        } catch  where error.code == .cancelled {
            return nil
        }
        guard !end.isRaised, !Task.isCancelled else {
            try await withoutCancellation(clock: self.clock) { () throws(BackendError) in try await lease.release() }
            return nil
        }
        self.keep(lease, holder)
        return (lease.token, lease.ttl)
    }

    /// Renews, in the engine.
    ///
    /// - Returns: The time-to-live.
    /// - Throws: `leaseLost` when the lock is not held through this hub any more; why the engine cannot be asked.
    func renew(_ name: LockName, proof: String) async throws(BackendError) -> Duration {
        let holder = Holder(name: name, proof: proof)
        guard let lease = self.held.withLock({ $0[holder]?.lease }) else {
            throw BackendError(.leaseLost, "the lock is not held any more, or not through this hub", key: name.text)
        }
        try await self.renew(lease, holder)
        return lease.ttl
    }

    /// Lets go of a lock; once more changes nothing.
    func release(_ name: LockName, proof: String) async throws(BackendError) {
        let holder = Holder(name: name, proof: proof)
        guard let lease = self.held.withLock({ $0[holder]?.lease }) else { return }
        try await lease.release()
        self.held.withLock { $0[holder] = nil }
    }

    /// Forgets locks whose clients have been silent for so long that the engine has freed them.
    func forgetOld() {
        let now = self.clock.now
        self.held.withLock { $0 = $0.filter { $0.value.deadline > now } }
    }

    private func renew(_ lease: any LockLease, _ holder: Holder) async throws(BackendError) {
        do throws(BackendError) {
            try await lease.renew()
        } catch {
            if error.code == .leaseLost { self.held.withLock { $0[holder] = nil } }
            throw error
        }
        self.keep(lease, holder)
    }

    private func keep(_ lease: any LockLease, _ holder: Holder) {
        // An engine may keep a lock for longer than its time-to-live; it tells then.
        let deadline = self.clock.now.advanced(by: lease.ttl * 2)
        self.held.withLock { $0[holder] = Held(lease: lease, deadline: deadline) }
    }
}

/// A value that one task leaves for another.
private final class MutexCell<Value: Sendable>: Sendable {
    private let cell = Mutex(Value?.none)

    var value: Value? { self.cell.withLock { $0 } }

    func set(_ value: Value) { self.cell.withLock { $0 = value } }
}
