/// When an instance whose calls fail is left out for a while, though the registry calls it well.
///
/// The defaults are Envoy's, but for the share: with few instances ten of a hundred would be none.
public struct OutlierDetection: Hashable, Sendable {
    /// How many calls in a row must fail.
    public var consecutiveFailures: Int
    /// How long an instance is left out the first time; each further time as much longer, up to ``maximumTime``.
    public var baseTime: Duration
    /// The longest that an instance is left out.
    public var maximumTime: Duration
    /// The greatest share of the instances that may be left out at once, from 0 to 1; one is never left alone.
    public var maximumShare: Double

    /// Creates the rules.
    ///
    /// - Parameters:
    ///   - consecutiveFailures: 5 by default; less than 1 is taken as 1.
    ///   - baseTime: 30 s by default.
    ///   - maximumTime: 300 s by default; less than `baseTime` is taken as that.
    ///   - maximumShare: A half by default.
    public init(
        consecutiveFailures: Int = 5,
        baseTime: Duration = .seconds(30),
        maximumTime: Duration = .seconds(300),
        maximumShare: Double = 0.5
    ) {
        self.consecutiveFailures = max(consecutiveFailures, 1)
        self.baseTime = max(baseTime, .zero)
        self.maximumTime = max(maximumTime, self.baseTime)
        self.maximumShare = maximumShare.isNaN ? 0 : min(max(maximumShare, 0), 1)
    }

    /// How long an instance is left out the `count`-th time in a row.
    func time(_ count: Int) -> Duration { min(self.baseTime * max(count, 1), self.maximumTime) }

    /// How many of `count` instances may be left out at once.
    func allowance(of count: Int) -> Int { min(Int(Double(count) * self.maximumShare), count - 1) }
}

/// How a call went, as far as the instance is to blame.
public enum CallOutcome: Hashable, Sendable {
    /// The instance answered.
    case success
    /// The instance did not answer, or not as one that is well does.
    case failure
    /// Nothing was learned about the instance, such as when the caller gave up.
    case ignored
}
