import Rollcall

/// How the hub treats programs that speak the tutorial's protocol: how it looks whether they live, and where its own
/// calls may go.
public struct HeartbeatConfiguration: Sendable {
    /// How many checks run at once.
    public var workers = 3
    /// How often a check is tried before it has failed.
    public var attempts = 3
    /// The pause between tries.
    public var attemptPause = Duration.seconds(1)
    /// The pause between checks of a program, and between attempts to tell what could not be told.
    public var period = Duration.seconds(30)
    /// How long after a registration the first check comes: such programs register before they listen.
    public var firstCheck = Duration.seconds(1)
    /// How long a check or a push may take.
    public var timeout = Duration.seconds(2)
    /// Where calls may go.
    public var rules = OutgoingRules.standard

    /// Creates the usual configuration, which is that of the tutorial's own registry.
    public init() {}

    /// Checks what the types do not.
    func check() throws(ValidationError) {
        for (field, duration) in [
            ("attemptPause", self.attemptPause), ("period", self.period), ("firstCheck", self.firstCheck),
            ("timeout", self.timeout),
        ] where duration <= .zero {
            throw ValidationError(field: field, message: "must be above zero")
        }
        for (field, number) in [("workers", self.workers), ("attempts", self.attempts)] where number < 1 {
            throw ValidationError(field: field, message: "must be at least 1")
        }
    }
}
