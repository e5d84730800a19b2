/// When discovery distrusts a registry that says that most of a service is gone, and for how long.
///
/// A registry that was restarted, lost its data or its network tells of services that vanished though they run. When a
/// service loses all of its instances, or more than half of at least four, within one time-to-live, the lost ones are
/// held: callers go on choosing them, until a fresh look at the registry agrees and each has failed a probe or a call,
/// or until the time is over. What was deregistered in good order is never held.
public struct CollapseRules: Hashable, Sendable {
    /// Within what time losses count together: the usual time-to-live of registrations.
    public var ttl: Duration
    /// How long instances are held at most.
    public var timeBox: Duration
    /// Services that are never held.
    public var exempt: Set<ServiceName>
    /// Whether anything is held.
    public var isEnabled: Bool

    /// Creates the rules.
    ///
    /// - Parameters:
    ///   - ttl: 10 s by default, as that of registrations.
    ///   - timeBox: By default two times `ttl`, but from 5 s to 30 s.
    ///   - exempt: Services that are never held; none by default.
    public init(ttl: Duration = .seconds(10), timeBox: Duration? = nil, exempt: Set<ServiceName> = []) {
        self.ttl = max(ttl, .zero)
        self.timeBox = max(timeBox ?? min(max(self.ttl * 2, .seconds(5)), .seconds(30)), .zero)
        self.exempt = exempt
        self.isEnabled = true
    }

    /// Believes whatever the registry says.
    public static var off: CollapseRules {
        var rules = CollapseRules()
        rules.isEnabled = false
        return rules
    }

    /// Whether the rules hold for a service.
    func cover(_ service: ServiceName) -> Bool { self.isEnabled && !self.exempt.contains(service) }
}
