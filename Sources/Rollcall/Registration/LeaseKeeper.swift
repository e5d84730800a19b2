/// Renews a registration in time, until it is let go: the same for every backend whose leases are renewed.
package final class LeaseKeeper: Sendable {
    private let token: LeaseToken
    private let ttl: Duration
    private let backend: String
    private let clock: TimeSource
    private let ended = Signal()

    /// Creates a keeper.
    ///
    /// - Parameters:
    ///   - token: What names the registration.
    ///   - ttl: The time-to-live that was granted.
    ///   - backend: The name of the backend, for errors.
    ///   - clock: What measures it.
    package init(_ token: LeaseToken, ttl: Duration, backend: String, clock: TimeSource) {
        self.token = token
        self.ttl = ttl
        self.backend = backend
        self.clock = clock
    }

    /// Takes note that the registration is let go: nobody renews it any more.
    package func end() { self.ended.raise() }

    /// Checks that the registration was not let go.
    ///
    /// - Throws: `closed` when it was.
    package func checkOpen() throws(BackendError) {
        guard !self.ended.isRaised else {
            throw BackendError(.closed, "the lease was revoked", backend: self.backend, key: self.token.id.text)
        }
    }

    /// Renews each third of the time-to-live, and sooner where that failed for a reason that may pass.
    ///
    /// A lease may outlive a short absence of its backend: a new leader gives each its whole time again, and others wait
    /// before they take one out. So only the backend says that it is over.
    ///
    /// - Parameter renew: Renews once.
    /// - Throws: What `renew` throws and will go on to; `closed` when the registration is let go; `cancelled`.
    package func keep(_ renew: () async throws(BackendError) -> Void) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        var pause = self.ttl / 3
        while true {
            await race { [clock, pause] in
                try? await clock.sleep(for: pause)
            } _: { [ended] in
                await ended.wait()
            }
            guard !Task.isCancelled else {
                throw BackendError(.cancelled, "the task was cancelled", backend: self.backend, key: self.token.id.text)
            }
            try self.checkOpen()
            do throws(BackendError) {
                try await renew()
                pause = self.ttl / 3
            } catch  where RetryTable.allowsRetry(after: error, isIdempotent: true) {
                // The backend may ask for more time, and gets no more than a renewal has.
                pause = max(min(self.ttl / 10, .seconds(1)), min(error.retryAfter ?? .zero, self.ttl / 3))
            }
        }
    }
}
