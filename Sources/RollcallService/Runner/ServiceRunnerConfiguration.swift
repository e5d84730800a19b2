public import Rollcall

/// How a ``ServiceRunner`` behaves, and what it registers beside name and endpoints.
public struct ServiceRunnerConfiguration: Sendable {
    /// What to do about required services of which no instance may be called.
    public enum RequirementPolicy: Hashable, Sendable {
        /// Serve all the same, and say in the log when one is missing and when it is there again.
        case warn
        /// Begin to listen once each has an instance; end with an error when that takes longer.
        case wait(upTo: Duration)
    }

    /// The identity of the instance; by default a random one.
    public var id: InstanceID
    /// What it runs.
    public var version: SemanticVersion?
    /// Where it runs.
    public var zone: String?
    /// Its share of calls relative to others.
    public var weight: Int
    /// Words to select it by.
    public var tags: [String]
    /// Anything else that callers should know.
    public var metadata: [String: String]
    /// Services that it needs.
    public var requires: [ServiceName]
    /// What to do when one of those is missing.
    public var requirements: RequirementPolicy
    /// How to register; by default as the client was configured.
    public var registrar: RegistrarConfiguration?
    /// How long requests under way may take once the instance is deregistered.
    public var stopLimit: Duration
    /// Runs before anything else, for what must be ready before the first request.
    public var prepare: @Sendable () async throws -> Void
    /// Where the runner says what happens.
    public var log: Log

    /// Creates a configuration.
    ///
    /// - Parameters:
    ///   - id: A random identity by default.
    ///   - version: What it runs.
    ///   - zone: Where it runs.
    ///   - weight: 1 by default.
    ///   - tags: None by default.
    ///   - metadata: None by default.
    ///   - requires: None by default.
    ///   - requirements: A warning by default.
    ///   - registrar: As the client was configured by default.
    ///   - stopLimit: 10 s by default.
    ///   - log: Silent by default.
    ///   - prepare: Nothing by default.
    public init(
        id: InstanceID = .random(),
        version: SemanticVersion? = nil,
        zone: String? = nil,
        weight: Int = 1,
        tags: [String] = [],
        metadata: [String: String] = [:],
        requires: [ServiceName] = [],
        requirements: RequirementPolicy = .warn,
        registrar: RegistrarConfiguration? = nil,
        stopLimit: Duration = .seconds(10),
        log: Log = .silent,
        prepare: @escaping @Sendable () async throws -> Void = {}
    ) {
        self.id = id
        self.version = version
        self.zone = zone
        self.weight = weight
        self.tags = tags
        self.metadata = metadata
        self.requires = requires
        self.requirements = requirements
        self.registrar = registrar
        self.stopLimit = stopLimit
        self.log = log
        self.prepare = prepare
    }

    func instance(of service: ServiceName, at endpoints: [Endpoint]) throws(ValidationError) -> ServiceInstance {
        try ServiceInstance(
            service: service,
            id: self.id,
            endpoints: endpoints,
            version: self.version,
            zone: self.zone,
            weight: self.weight,
            tags: self.tags,
            metadata: self.metadata,
            requires: self.requires
        )
    }
}
