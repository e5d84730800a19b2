import Rollcall

/// The index of a blocking query, with every rule that Consul's documentation gives: a value, without network or clock.
struct BlockingIndex: Hashable {
    /// What an answer says.
    enum Outcome: Hashable {
        /// The state may be another one.
        case new
        /// Nothing changed since the last answer.
        case same
    }

    /// What to ask with; `nil` to be answered at once.
    private(set) var index: UInt64?

    /// Takes the index of an answer.
    ///
    /// - Parameter answered: What the answer names; `nil` where it names none.
    /// - Returns: Whether the answer is to be looked at.
    mutating func accept(_ answered: UInt64?) -> Outcome {
        // Without an index there is nothing to wait for, and each answer may be a new one.
        guard let answered else {
            self.index = nil
            return .new
        }
        // 0 would ask for an answer at once, again and again.
        let next = max(1, answered)
        guard let former = self.index else {
            self.index = next
            return .new
        }
        // It goes back when a snapshot was restored, or a server began anew: what was known of it is worth nothing.
        self.index = next < former ? nil : next
        return next == former ? .same : .new
    }

    /// An attempt failed: the next is to be answered at once, so that it shows whether the way is free.
    mutating func fail() { self.index = nil }
}

/// How long a watch waits for a change each time: a value.
///
/// An agent goes on with most queries whose client is gone until their time is over, and counts them among the
/// connections of which it allows each client some. So it begins with little, and watches that soon end leave little.
struct WaitLength: Hashable {
    private var next = Duration.milliseconds(250)

    /// How long to wait now.
    ///
    /// - Parameter limit: The longest.
    /// - Returns: Twice as long as the last time, up to the limit.
    mutating func take(atMost limit: Duration) -> Duration {
        let wait = min(self.next, limit)
        self.next = min(self.next * 2, .seconds(600))
        return wait
    }
}

/// How often a watch asks at the most: a bucket of tokens, as a value.
///
/// Changes that come one by one are fetched at once; of a stream of them, or of wake-ups for nothing, some are taken
/// together.
struct PollPacing {
    /// How many queries may follow each other at once.
    static let burst = 20
    /// After how long there may be one more.
    static let interval = Duration.milliseconds(50)

    private var tokens = Double(Self.burst)
    private var latest: TimeSource.Instant?

    /// Takes a token.
    ///
    /// - Parameter now: The present moment.
    /// - Returns: How long to wait before asking.
    mutating func take(at now: TimeSource.Instant) -> Duration {
        if let latest {
            self.tokens = min(Double(Self.burst), self.tokens + latest.duration(to: now) / Self.interval)
        }
        self.latest = now
        self.tokens -= 1
        return self.tokens >= 0 ? .zero : Self.interval * -self.tokens
    }
}
