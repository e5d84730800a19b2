import Synchronization

/// Renews a lock in time, and knows when it must be taken for lost: the same for every backend.
///
/// It lives as long as the lease does, so that who keeps the lease alive late, or anew, does not take it for younger than
/// it is.
package final class LockKeeper: Sendable {
    private let ttl: Duration
    private let clock: TimeSource
    private let released = Signal()
    /// Since when the time-to-live counts: when the lock was given, or when the last renewal began that the backend took.
    private let renewal: Mutex<TimeSource.Instant>

    /// Creates a keeper.
    ///
    /// - Parameters:
    ///   - ttl: The time-to-live that was granted.
    ///   - moment: When that was, or a little before.
    ///   - clock: What measures it.
    package init(ttl: Duration, grantedAt moment: TimeSource.Instant, clock: TimeSource) {
        self.ttl = ttl
        self.clock = clock
        self.renewal = Mutex(moment)
    }

    /// Creates a keeper of what a table has granted.
    package convenience init(_ grant: LockTable.Grant, clock: TimeSource) {
        self.init(ttl: grant.ttl, grantedAt: grant.expiry.advanced(by: .zero - grant.ttl), clock: clock)
    }

    /// Takes note that the lock is let go: nobody renews it any more.
    package func end() { self.released.raise() }

    /// Renews now.
    ///
    /// - Parameter renew: Renews once.
    /// - Throws: What `renew` throws.
    package func renewNow(_ renew: () async throws(BackendError) -> Void) async throws(BackendError) {
        let began = self.clock.now
        try await renew()
        self.renewal.withLock { $0 = max($0, began) }
    }

    /// Renews each third of the time-to-live.
    ///
    /// - Parameter renew: Renews once.
    /// - Throws: `leaseLost` when the backend says so, or when the time-to-live is over since the grant and since the last
    ///   renewal began that it took; `closed` when the lock is let go; `cancelled`; what `renew` throws otherwise and will
    ///   go on to.
    package func keep(_ renew: @escaping @Sendable () async throws(BackendError) -> Void) async throws(BackendError)
        -> Never
    {
        var due = self.renewal.withLock { $0 }.advanced(by: self.ttl / 3)
        while true {
            await race { [clock, due] in
                try? await clock.sleep(until: due, tolerance: nil)
            } _: { [released] in
                await released.wait()
            }
            guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            guard !self.released.isRaised else { throw BackendError(.closed, "the lock was let go") }
            let began = self.clock.now
            let end = self.renewal.withLock { $0 }.advanced(by: self.ttl)
            guard began < end else {
                throw BackendError(.leaseLost, "the backend did not answer in time: somebody else may hold the lock")
            }
            do throws(BackendError) {
                try await withDeadline(began.duration(to: end), clock: self.clock, renew)
                self.renewal.withLock { $0 = max($0, began) }
                due = began.advanced(by: self.ttl / 3)
            } catch  where error.code == .unavailable || error.code == .timeout {
                // The lock may outlive a short absence.
                due = min(self.clock.now.advanced(by: self.ttl / 10), end)
            }
        }
    }
}
