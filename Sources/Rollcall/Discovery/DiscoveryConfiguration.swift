/// How a ``Discovery`` behaves where the caller says nothing.
public struct DiscoveryConfiguration: Sendable {
    /// Which instances may be chosen.
    public var filter: InstanceFilter
    /// How one of them is chosen.
    public var balancer: any Balancer
    /// How long a look-up waits for a first snapshot, or for an instance that fits.
    public var lookupTimeout: Duration
    /// After how long without a look-up a service is no longer watched, if nobody has an observation of it open.
    public var idleTimeout: Duration
    /// What measures time.
    public var clock: TimeSource
    /// Where the discovery says what happens.
    public var log: Log

    /// Creates a configuration.
    ///
    /// - Parameters:
    ///   - filter: Which instances may be chosen; by default those that pass and are not drained.
    ///   - balancer: How one is chosen; by default at random.
    ///   - lookupTimeout: 15 s by default: the five times three seconds of row M3.3.
    ///   - idleTimeout: 10 min by default; less than a second is taken as a second.
    ///   - clock: The monotonic clock by default.
    ///   - log: Silent by default.
    public init(
        filter: InstanceFilter = .passing,
        balancer: any Balancer = .random,
        lookupTimeout: Duration = .seconds(15),
        idleTimeout: Duration = .seconds(600),
        clock: TimeSource = TimeSource(),
        log: Log = .silent
    ) {
        self.filter = filter
        self.balancer = balancer
        self.lookupTimeout = lookupTimeout
        self.idleTimeout = max(idleTimeout, .seconds(1))
        self.clock = clock
        self.log = log
    }
}
