/// What probing an instance has shown.
public enum ProbeVerdict: String, Hashable, Sendable {
    /// Nothing is known: it was not probed yet, not for too long, or cannot be.
    case unknown
    /// It answers.
    case passing
    /// It failed too many probes in a row, and not enough have passed since.
    case failing
}

/// What a prober knows about an instance from some moment on.
public struct ProbeReport: Hashable, Sendable {
    /// Where the instance is; the namespace is the default one for whoever knows of none.
    package let place: RegistryTable.Place
    /// The identity of the instance within the service.
    public let id: InstanceID
    /// What probing has shown.
    public let verdict: ProbeVerdict
    /// How many probes in a row failed: 0 after a success.
    public let failures: Int
    /// When the probe ended that the report is about; for one that grew too old, when it was found to be.
    public let checkedAt: TimeSource.Instant
    /// What happened, for people.
    public let message: String

    /// The service of the instance.
    public var service: ServiceName { self.place.service }

    /// Creates a report.
    ///
    /// - Parameters:
    ///   - service: The service of the instance.
    ///   - id: The identity of the instance within the service.
    ///   - verdict: What probing has shown.
    ///   - failures: How many probes in a row failed.
    ///   - checkedAt: When the probe ended.
    ///   - message: What happened, for people.
    public init(
        service: ServiceName,
        id: InstanceID,
        verdict: ProbeVerdict,
        failures: Int,
        checkedAt: TimeSource.Instant,
        message: String
    ) {
        let place = RegistryTable.Place(namespace: .default, service: service)
        self.init(
            place: place,
            id: id,
            verdict: verdict,
            failures: failures,
            checkedAt: checkedAt,
            message: message
        )
    }

    package init(
        place: RegistryTable.Place,
        id: InstanceID,
        verdict: ProbeVerdict,
        failures: Int,
        checkedAt: TimeSource.Instant,
        message: String
    ) {
        self.place = place
        self.id = id
        self.verdict = verdict
        self.failures = failures
        self.checkedAt = checkedAt
        self.message = message
    }
}

/// Finds out by itself whether instances answer, whatever a registry says of them.
///
/// What it probes it is told by ``track(_:of:)``, each time a service's instances change. An instance that stays keeps
/// what was found out about it, whatever the registry says; one that leaves is forgotten at once, and no report about it
/// follows but one that is being made in that moment. Until the first report an instance's verdict is
/// ``ProbeVerdict/unknown`` with no failure.
public protocol InstanceProber: Sendable {
    /// Probes what is tracked until the task is cancelled; reports each change.
    ///
    /// - Parameter report: Told each change of a verdict, and when the failures in a row leave 0 or come back to it.
    ///   The reports about one instance come one after the other, in order. It must not block.
    /// - Throws: A ``BackendError``: `alreadyRunning` for a second call while the first runs; what makes going on
    ///   pointless. It returns when the task is cancelled.
    func run(reporting report: @escaping @Sendable (ProbeReport) -> Void) async throws(BackendError)

    /// Makes `instances` all that is probed of a service; an empty array ends it.
    ///
    /// - Parameters:
    ///   - instances: What to probe. Of several with one id the last counts.
    ///   - service: The service that they belong to.
    func track(_ instances: [ServiceInstance], of service: ServiceName)
}
