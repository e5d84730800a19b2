extension LockBackend {
    /// Waits for a lock, and runs `body` while it is held.
    ///
    /// When the lock is lost, `body` is cancelled; somebody else may hold the lock before it has ended. Send the token
    /// along with whatever the lock protects. Once `body` has ended its outcome counts, whatever becomes of the lock then.
    ///
    /// ```swift
    /// try await backend.withLock(LockName("nightly-report")) { token in
    ///     try await report.write(fencedBy: token)
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - name: The lock.
    ///   - ttl: After how long others may have it when this process dies; 15 s by default.
    ///   - wait: How long to wait for it; without end by default.
    ///   - clock: What measures time.
    ///   - body: Runs while the lock is held; it is given the token.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; `leaseLost` when the lock was lost before `body` had ended; `timeout` when it was
    ///   not to be had in time; `cancelled`.
    public func withLock<Value: Sendable>(
        _ name: LockName,
        ttl: Duration = .seconds(15),
        wait: Duration? = nil,
        clock: TimeSource = TimeSource(),
        _ body: @escaping @Sendable (UInt64) async throws -> Value
    ) async throws -> Value {
        let lease = try await self.lease(name, ttl, wait, clock)
        let outcome = await Self.run(body, with: lease)
        // A release that does not arrive is made up for by the time-to-live.
        try? await withoutCancellation(clock: clock) { () async throws(BackendError) in try await lease.release() }
        return try outcome.get()
    }

    private func lease(
        _ name: LockName,
        _ ttl: Duration,
        _ wait: Duration?,
        _ clock: TimeSource
    ) async throws(BackendError) -> any LockLease {
        guard let wait else { return try await self.acquire(name, ttl: ttl) }
        return try await withDeadline(wait, clock: clock) { () async throws(BackendError) in
            try await self.acquire(name, ttl: ttl)
        }
    }

    private static func run<Value: Sendable>(
        _ body: @escaping @Sendable (UInt64) async throws -> Value,
        with lease: any LockLease
    ) async -> Result<Value, any Error> {
        await withTaskGroup(of: LockOutcome<Value>.self) { group in
            group.addTask {
                do {
                    return .body(.success(try await body(lease.token)))
                } catch {
                    return .body(.failure(error))
                }
            }
            group.addTask {
                do throws(BackendError) {
                    try await lease.keepAlive()
                } catch {
                    return .lost(error)
                }
            }
            var loss: BackendError?
            var result: Result<Value, any Error>?
            while let outcome = await group.next() {
                switch outcome {
                case .body(let value): result = value
                // Whoever renews may call the lock lost for no more than being cancelled when the work was done.
                case .lost(let error): if result == nil, error.code != .cancelled { loss = error }
                }
                group.cancelAll()
            }
            // What the body did after the loss does not count.
            if let loss { return .failure(loss) }
            return result ?? .failure(BackendError(.cancelled, "the task was cancelled"))
        }
    }
}

private enum LockOutcome<Value: Sendable>: Sendable {
    case body(Result<Value, any Error>)
    case lost(BackendError)
}
