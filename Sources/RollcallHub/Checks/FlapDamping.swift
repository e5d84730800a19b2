import Rollcall

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Whether an instance fails and recovers too often to be believed, by a penalty that decays (as RFC 2439 does for
/// routes).
///
/// Each failure adds one to the penalty, which halves again and again. Above a limit the instance is held out, also
/// while it passes, until the penalty has decayed.
struct FlapDamping: Hashable, Sendable {
    /// How often is too often.
    struct Rules: Hashable, Sendable {
        /// After how long a penalty counts half.
        var halfLife = Duration.seconds(60)
        /// From which penalty on an instance is held out: with the usual half-life, the third failure in half a minute or
        /// the fourth in a minute and a half.
        var limit = 2.5
        /// Below which penalty it is let in again.
        var release = 1.0
        /// The longest time that it is held out.
        var longestHold = Duration.seconds(300)

        /// What a penalty cannot exceed, so that it has decayed after the longest time.
        fileprivate var ceiling: Double { self.release * exp2(self.longestHold / self.halfLife) }
    }

    private var penalty = 0.0
    private var moment = TimeSource.Instant(elapsed: .zero)
    /// Whether it is held out, should its time not be over.
    private(set) var isHeld = false

    /// The penalty at a moment.
    func penalty(at now: TimeSource.Instant, _ rules: Rules) -> Double {
        self.penalty * exp2(-(self.moment.duration(to: now) / rules.halfLife))
    }

    /// Takes note of a failure of one that had passed.
    mutating func fail(at now: TimeSource.Instant, _ rules: Rules) {
        self.penalty = min(self.penalty(at: now, rules) + 1, rules.ceiling)
        self.moment = now
        if self.penalty >= rules.limit { self.isHeld = true }
    }

    /// Lets it in, though what it did counts on.
    mutating func letIn() {
        self.isHeld = false
    }

    /// When it may be let in; `nil` when it is not held out.
    func end(_ rules: Rules) -> TimeSource.Instant? {
        guard self.isHeld else { return nil }
        let halvings = max(log2(self.penalty / rules.release), 0)
        return self.moment.advanced(by: rules.halfLife * halvings)
    }
}
