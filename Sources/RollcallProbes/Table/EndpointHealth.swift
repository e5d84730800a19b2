import Rollcall

/// How a check of an endpoint ended.
enum ProbeOutcome: Hashable, Sendable {
    /// The endpoint answered as it should.
    case passed(String)
    /// It did not.
    case failed(String)
    /// This side could not check, such as for want of a descriptor: nothing is known about the endpoint.
    case inconclusive(String)

    var message: String {
        switch self {
        case .passed(let message), .failed(let message), .inconclusive(let message): message
        }
    }
}

/// What the table of instances goes by.
struct ProbeRules: Hashable, Sendable {
    var interval = Duration.seconds(5)
    var failureThreshold = 3
    var successThreshold = 1
    var jitter = 0.1
    var maximumAge = Duration.seconds(30)
}

/// What checking one endpoint has shown.
struct EndpointHealth: Hashable, Sendable {
    private(set) var verdict = ProbeVerdict.unknown
    /// How many checks in a row failed.
    private(set) var failures = 0
    /// How many checks in a row passed.
    private(set) var successes = 0
    /// When the last check ended that showed anything; `nil` while the verdict is not known.
    private(set) var checkedAt: TimeSource.Instant?

    mutating func pass(at now: TimeSource.Instant, rules: ProbeRules) {
        self.failures = 0
        self.successes += 1
        self.checkedAt = now
        if self.verdict != .failing || self.successes >= rules.successThreshold { self.verdict = .passing }
    }

    mutating func fail(at now: TimeSource.Instant, rules: ProbeRules) {
        self.successes = 0
        self.failures += 1
        self.checkedAt = now
        if self.failures >= rules.failureThreshold { self.verdict = .failing }
    }
}
