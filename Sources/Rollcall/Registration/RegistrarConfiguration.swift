/// How a ``Registrar`` behaves.
public struct RegistrarConfiguration: Sendable {
    /// How long the registration outlives the process, at most; renewed each third of it.
    public var ttl: Duration
    /// How long the instance stays, as `maintenance`, between the wish to stop and its deregistration, so that
    /// callers learn of it before the server stops taking requests.
    public var drain: Duration
    /// Whether `hostname` is put beneath the caller's metadata.
    public var addsAutomaticMetadata: Bool
    /// What measures time.
    public var clock: TimeSource
    /// Where the registrar says what happens.
    public var log: Log

    /// Creates a configuration.
    ///
    /// - Parameters:
    ///   - ttl: 10 s by default. Must be above zero.
    ///   - drain: 1 s by default: far above the time in which a change reaches watchers.
    ///   - addsAutomaticMetadata: True by default.
    ///   - clock: The monotonic clock by default.
    ///   - log: Silent by default.
    public init(
        ttl: Duration = .seconds(10),
        drain: Duration = .seconds(1),
        addsAutomaticMetadata: Bool = true,
        clock: TimeSource = TimeSource(),
        log: Log = .silent
    ) {
        self.ttl = ttl
        self.drain = drain
        self.addsAutomaticMetadata = addsAutomaticMetadata
        self.clock = clock
        self.log = log
    }

    /// Checks the durations.
    ///
    /// - Throws: A ``ValidationError`` when the time-to-live is not above zero or the drain is below.
    func check() throws(ValidationError) {
        guard self.ttl > .zero else {
            throw ValidationError(field: "ttl", message: "\(self.ttl.text) must be above zero; 10s is usual")
        }
        guard self.drain >= .zero else {
            throw ValidationError(field: "drain", message: "must not be negative; 1s is usual")
        }
    }
}
