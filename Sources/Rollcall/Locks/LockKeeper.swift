/// Renews a lock in time, and knows when it must be taken for lost: the same for every backend.
package struct LockKeeper: Sendable {
    private let ttl: Duration
    private let clock: TimeSource
    private let released: Signal

    /// Creates a keeper.
    ///
    /// - Parameters:
    ///   - ttl: The time-to-live that was granted.
    ///   - clock: What measures it.
    ///   - released: Raised when the lock is let go.
    package init(ttl: Duration, clock: TimeSource, released: Signal) {
        self.ttl = ttl
        self.clock = clock
        self.released = released
    }

    /// Renews each third of the time-to-live.
    ///
    /// - Parameter renew: Renews once.
    /// - Throws: `leaseLost` when the backend says so, or when the time-to-live is over since the last renewal began that
    ///   it took; `closed` when the lock is let go; `cancelled`; what `renew` throws otherwise and will go on to.
    package func keep(_ renew: @escaping @Sendable () async throws(BackendError) -> Void) async throws(BackendError)
        -> Never
    {
        var end = self.clock.now.advanced(by: self.ttl)
        var pause = self.ttl / 3
        while true {
            await race { [clock, pause] in
                try? await clock.sleep(for: pause)
            } _: { [released] in
                await released.wait()
            }
            guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            guard !self.released.isRaised else { throw BackendError(.closed, "the lock was let go") }
            let began = self.clock.now
            guard began < end else {
                throw BackendError(.leaseLost, "the backend did not answer in time: somebody else may hold the lock")
            }
            do throws(BackendError) {
                try await withDeadline(began.duration(to: end), clock: self.clock, renew)
                end = began.advanced(by: self.ttl)
                pause = self.ttl / 3
            } catch  where error.code == .unavailable || error.code == .timeout {
                // The lock may outlive a short absence.
                pause = min(self.ttl / 10, max(self.clock.now.duration(to: end), .zero))
            }
        }
    }
}
