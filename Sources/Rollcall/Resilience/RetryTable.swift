/// When repeating a failed operation is right: one table for everything that Rollcall repeats for its user.
///
/// | code | not applied | perhaps applied, repeatable | perhaps applied, not repeatable |
/// |---|---|---|---|
/// | `unavailable`, `timeout` | yes | yes | no |
/// | any other | no | no | no |
///
/// An operation is repeatable when doing it twice equals doing it once: reading, renewing, registering the same
/// record, revoking. A conditional write is not.
public enum RetryTable {
    /// Whether to repeat.
    ///
    /// - Parameters:
    ///   - error: How the operation failed.
    ///   - isIdempotent: Whether doing it twice equals doing it once.
    /// - Returns: Whether another attempt can succeed and does no harm.
    public static func allowsRetry(after error: BackendError, isIdempotent: Bool) -> Bool {
        guard error.code == .unavailable || error.code == .timeout else { return false }
        return isIdempotent || error.applied == .no
    }
}

/// How often and how long an operation that its caller waits for is repeated.
public struct RetryPolicy: Hashable, Sendable {
    /// The pauses.
    public var backoff: Backoff
    /// The most attempts, the first included; `nil` for no bound but time.
    public var maximumAttempts: Int?
    /// The most time from the first attempt to the start of the last.
    public var maximumTime: Duration

    /// Creates a policy; the defaults are 500 ms growing by a half up to 60 s, for 30 s in all (M13.1).
    public init(backoff: Backoff = Backoff(), maximumAttempts: Int? = nil, maximumTime: Duration = .seconds(30)) {
        self.backoff = backoff
        self.maximumAttempts = maximumAttempts
        self.maximumTime = maximumTime
    }

    /// One attempt only.
    public static let never = RetryPolicy(maximumAttempts: 1)

    /// Runs `operation` until it succeeds, cannot succeed, or the policy ends.
    ///
    /// - Parameters:
    ///   - isIdempotent: Whether doing it twice equals doing it once.
    ///   - clock: What measures pauses.
    ///   - operation: What to run. Its own retries must be off, or they multiply.
    /// - Returns: What `operation` returns.
    /// - Throws: The last failure, or `cancelled`.
    public func run<Value>(
        isIdempotent: Bool,
        clock: TimeSource = TimeSource(),
        _ operation: () async throws(BackendError) -> Value
    ) async throws(BackendError) -> Value {
        let start = clock.now
        var generator = SplitMix64()
        var attempt = 0
        while true {
            do throws(BackendError) {
                return try await operation()
            } catch {
                attempt += 1
                let pause = max(self.backoff.pause(before: attempt, using: &generator), error.retryAfter ?? .zero)
                guard RetryTable.allowsRetry(after: error, isIdempotent: isIdempotent),
                    attempt < self.maximumAttempts ?? .max,
                    start.duration(to: clock.now) + pause <= self.maximumTime
                else { throw error }
                try await clock.pause(for: pause)
            }
        }
    }
}

extension TimeSource {
    /// Sleeps, and throws `cancelled` when the task is cancelled meanwhile.
    package func pause(for duration: Duration) async throws(BackendError) {
        do {
            try await self.sleep(for: duration)
        } catch {
            throw BackendError(.cancelled, "the task was cancelled", cause: error)
        }
    }
}
