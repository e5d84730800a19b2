/// Pauses between attempts, with full jitter: each is random between zero and a bound that grows up to a cap.
///
/// Full jitter spreads clients that failed together best (AWS Architecture Blog, "Exponential Backoff And Jitter").
/// The defaults are those of the systems that Rollcall replaces (row M13.1).
public struct Backoff: Hashable, Sendable {
    /// The bound of the first pause.
    public var base: Duration
    /// By how much each bound exceeds the one before.
    public var factor: Double
    /// The greatest bound.
    public var cap: Duration

    /// Creates a policy.
    public init(base: Duration = .milliseconds(500), factor: Double = 1.5, cap: Duration = .seconds(60)) {
        self.base = base
        self.factor = factor
        self.cap = cap
    }

    /// For a registration that was lost: never more than a third of its time-to-live, and at most 5 s (C4).
    public static func registration(ttl: Duration) -> Backoff {
        Backoff(base: min(.milliseconds(100), ttl / 3), factor: 2, cap: min(ttl / 3, .seconds(5)))
    }

    /// For background work that must come back soon: at most 5 s.
    public static let background = Backoff(base: .milliseconds(100), factor: 2, cap: .seconds(5))

    /// The greatest pause before attempt `attempt`, of which the first is 0 and waits for nothing.
    public func bound(before attempt: Int) -> Duration {
        guard attempt > 0 else { return .zero }
        var bound = self.base
        for _ in 1..<attempt {
            guard bound < self.cap else { break }
            bound = bound * self.factor
        }
        return min(bound, self.cap)
    }

    /// A random pause before attempt `attempt`.
    public func pause(before attempt: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        self.bound(before: attempt) * Double.random(in: 0...1, using: &generator)
    }
}
