/// Any clock that measures in `Duration`, without its type: the monotonic one in production, a manual one in tests.
public struct TimeSource: Clock {
    /// A moment of one ``TimeSource``; moments of two sources do not compare.
    public struct Instant: InstantProtocol {
        /// The time since the source was made.
        public let elapsed: Duration

        /// The moment `elapsed` after the source was made.
        public init(elapsed: Duration) {
            self.elapsed = elapsed
        }

        /// The moment `duration` later.
        public func advanced(by duration: Duration) -> Instant { Instant(elapsed: self.elapsed + duration) }
        /// How much later `other` is.
        public func duration(to other: Instant) -> Duration { other.elapsed - self.elapsed }
        /// Whether `lhs` comes before `rhs`.
        public static func < (lhs: Instant, rhs: Instant) -> Bool { lhs.elapsed < rhs.elapsed }
    }

    private let elapsed: @Sendable () -> Duration
    private let sleepUntil: @Sendable (Duration, Duration?) async throws -> Void
    /// The least difference that the clock can tell.
    public let minimumResolution: Duration

    /// One for all, so that moments of the process's usual clock compare wherever they were taken.
    private static let processOrigin = ContinuousClock.now

    /// The monotonic clock, which goes on while the machine sleeps.
    ///
    /// All that are made so are the same source.
    public init() {
        self.init(ContinuousClock(), origin: Self.processOrigin)
    }

    /// Hides the type of `clock`.
    ///
    /// - Parameter clock: The clock to ask.
    public init<Wrapped: Clock>(_ clock: Wrapped) where Wrapped.Duration == Swift.Duration {
        self.init(clock, origin: clock.now)
    }

    private init<Wrapped: Clock>(_ clock: Wrapped, origin: Wrapped.Instant) where Wrapped.Duration == Swift.Duration {
        self.elapsed = { origin.duration(to: clock.now) }
        self.sleepUntil = { try await clock.sleep(until: origin.advanced(by: $0), tolerance: $1) }
        self.minimumResolution = clock.minimumResolution
    }

    /// The present moment.
    public var now: Instant { Instant(elapsed: self.elapsed()) }

    /// Sleeps until a moment, or throws `CancellationError` when the task is cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try await self.sleepUntil(deadline.elapsed, tolerance)
    }
}
