/// How a ``Discovery`` behaves where the caller says nothing.
public struct DiscoveryConfiguration: Sendable {
    /// Which instances may be chosen.
    public var filter: InstanceFilter
    /// Which instances observers are shown.
    public var observed: InstanceFilter
    /// How one of them is chosen.
    public var balancer: any Balancer
    /// When an instance whose calls fail is left out; `nil` for never.
    public var outliers: OutlierDetection?
    /// Below which share of instances that nothing speaks against all are chosen from again, from 0 to 1.
    ///
    /// Else the few that are left would have to bear the load of all.
    public var panicThreshold: Double
    /// Over what time a new instance gets its share little by little; zero for at once.
    public var slowStart: Duration
    /// When a registry that says that most of a service is gone is not believed at once.
    public var collapse: CollapseRules
    /// What probes instances; `nil` for nobody.
    public var prober: (any InstanceProber)?
    /// Instances that are known without the registry.
    public var local: [ServiceName: LocalInstances]
    /// The file in which what is known is kept, for a start while the registry is away; `nil` for none.
    ///
    /// It is made with mode 0600, and only read when nobody else can have written it. Its folder must be there.
    public var snapshotFile: String?
    /// How much time passes at least between two writes of the file.
    public var snapshotInterval: Duration
    /// The namespace that the file is of.
    package var namespace = Namespace.default
    /// How long a look-up waits for a first snapshot, or for an instance that fits.
    public var lookupTimeout: Duration
    /// After how long without a look-up a service is no longer watched, if nobody has an observation of it open.
    public var idleTimeout: Duration
    /// How often what the watch told is compared with the registry, so that a lost change does not stay lost.
    public var refreshInterval: Duration
    /// What measures time.
    public var clock: TimeSource
    /// Where the discovery says what happens.
    public var log: Log

    /// Creates a configuration.
    ///
    /// What has no parameter is as follows: observers see all instances, `panicThreshold` is 0.3, there is no slow
    /// start, no prober, nothing local and no file, and `refreshInterval` is 5 min.
    ///
    /// - Parameters:
    ///   - filter: Which instances may be chosen; by default those that pass and are not drained.
    ///   - balancer: How one is chosen; by default at random.
    ///   - outliers: When an instance whose calls fail is left out; by default after five failures in a row.
    ///   - collapse: When a registry is not believed at once; by default when a service lost all or most instances.
    ///   - lookupTimeout: 15 s by default: the five times three seconds of row M3.3.
    ///   - idleTimeout: 10 min by default; less than a second is taken as a second.
    ///   - clock: The monotonic clock by default.
    ///   - log: Silent by default.
    public init(
        filter: InstanceFilter = .passing,
        balancer: any Balancer = .random,
        outliers: OutlierDetection? = OutlierDetection(),
        collapse: CollapseRules = CollapseRules(),
        lookupTimeout: Duration = .seconds(15),
        idleTimeout: Duration = .seconds(600),
        clock: TimeSource = TimeSource(),
        log: Log = .silent
    ) {
        self.filter = filter
        self.observed = .any
        self.balancer = balancer
        self.outliers = outliers
        self.panicThreshold = 0.3
        self.slowStart = .zero
        self.collapse = collapse
        self.prober = nil
        self.local = [:]
        self.snapshotFile = nil
        self.snapshotInterval = .seconds(5)
        self.lookupTimeout = lookupTimeout
        self.idleTimeout = max(idleTimeout, .seconds(1))
        self.refreshInterval = .seconds(300)
        self.clock = clock
        self.log = log
    }

    var selection: SelectionRules {
        SelectionRules(
            filter: self.filter,
            balancer: self.balancer,
            outliers: self.outliers,
            panicThreshold: self.panicThreshold,
            slowStart: self.slowStart
        )
    }
}
