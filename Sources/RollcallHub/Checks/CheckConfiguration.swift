import Rollcall
public import RollcallProbes

/// How the hub checks instances by itself.
///
/// An instance says by metadata under ``RollcallProbes/ProbeConfiguration/Kind/metadataKey`` how it wants to be checked;
/// one that fails is shown as critical until it passes.
public struct CheckConfiguration: Sendable {
    /// What a check does to instances that do not say it themselves; nothing by default.
    public var kind = ProbeConfiguration.Kind.none
    /// How often each endpoint is checked: 5 s by default.
    public var interval = Duration.seconds(5)
    /// How long a check may take: 2 s by default.
    public var timeout = Duration.seconds(2)
    /// After how many failures in a row an instance is shown as critical: 3 by default.
    public var failureThreshold = 3
    /// After how many passing checks in a row it is no longer: 2 by default.
    public var successThreshold = 2
    /// The most checks at once: 64 by default.
    public var concurrency = 64
    /// After how long a failure counts half for whether an instance fails too often: a minute by default.
    ///
    /// One that fails a third time in half a minute, or a fourth time in a minute and a half, is held out until it has
    /// been good for a while, at most for five times this.
    public var flapHalfLife = Duration.seconds(60)
    /// Where checks may go.
    public var rules = OutgoingRules.standard

    /// Creates the usual configuration.
    public init() {}

    /// The prober's part.
    func probes(clock: TimeSource, log: Log) -> ProbeConfiguration {
        var probes = ProbeConfiguration(
            kind: self.kind,
            interval: self.interval,
            timeout: self.timeout,
            failureThreshold: self.failureThreshold,
            successThreshold: self.successThreshold,
            concurrency: self.concurrency,
            clock: clock,
            log: log
        )
        probes.permits = self.rules.permits
        return probes
    }

    /// The damping's part.
    var damping: FlapDamping.Rules {
        FlapDamping.Rules(halfLife: self.flapHalfLife, longestHold: self.flapHalfLife * 5)
    }

    /// Checks what the types do not.
    func check() throws(ValidationError) {
        try self.probes(clock: TimeSource(), log: .silent).check()
        guard (.seconds(1)...(.seconds(86400))).contains(self.flapHalfLife) else {
            throw ValidationError(field: "flapHalfLife", message: "\(self.flapHalfLife.text) is not from 1s to 1 day")
        }
    }
}
