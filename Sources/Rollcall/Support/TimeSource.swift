#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

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

    /// Whether it is the process's usual clock, which is read without a detour.
    private let isUsual: Bool

    /// The monotonic clock, which goes on while the machine sleeps.
    ///
    /// All that are made so are the same source.
    public init() {
        self.init(ContinuousClock(), origin: UsualClock.origin, isUsual: true)
    }

    /// Hides the type of `clock`.
    ///
    /// - Parameter clock: The clock to ask.
    public init<Wrapped: Clock>(_ clock: Wrapped) where Wrapped.Duration == Swift.Duration {
        self.init(clock, origin: clock.now, isUsual: false)
    }

    private init<Wrapped: Clock>(
        _ clock: Wrapped,
        origin: Wrapped.Instant,
        isUsual: Bool
    ) where Wrapped.Duration == Swift.Duration {
        self.isUsual = isUsual
        self.elapsed = { origin.duration(to: clock.now) }
        self.sleepUntil = { try await clock.sleep(until: origin.advanced(by: $0), tolerance: $1) }
        self.minimumResolution = clock.minimumResolution
    }

    /// The present moment.
    public var now: Instant { Instant(elapsed: self.isUsual ? UsualClock.elapsed : self.elapsed()) }

    /// Sleeps until a moment, or throws `CancellationError` when the task is cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try await self.sleepUntil(deadline.elapsed, tolerance)
    }
}

/// The process's usual clock: each call to an instance reads it twice.
private enum UsualClock {
    /// One for all, so that moments compare wherever they were taken.
    static let origin = ContinuousClock.now

    #if os(Linux)
    /// The same clock as the system counts it, and its reading at ``origin``: never too late, so that who slept until a
    /// moment finds that it has come.
    private static let systemOrigin: Int64 = {
        let before = Self.systemNow
        let elapsed = Self.origin.duration(to: .now).components
        return before - elapsed.seconds * 1_000_000_000 - elapsed.attoseconds / 1_000_000_000
    }()

    /// `CLOCK_BOOTTIME` is what `ContinuousClock` reads on Linux.
    private static var systemNow: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// The time since ``origin``.
    static var elapsed: Duration { .nanoseconds(Self.systemNow - Self.systemOrigin) }
    #else
    /// The time since ``origin``.
    static var elapsed: Duration { Self.origin.duration(to: .now) }
    #endif
}
