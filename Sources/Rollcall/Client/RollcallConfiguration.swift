/// How a ``RollcallClient`` and what it makes behave, from code or from the environment.
///
/// | variable | sets | default |
/// |---|---|---|
/// | `ROLLCALL_BACKEND` | ``backend``: a URL whose scheme names the kind of backend | `memory:` |
/// | `ROLLCALL_NAMESPACE` | ``namespace`` | `default` |
/// | `ROLLCALL_TTL` | the time-to-live of registrations | `10s` |
/// | `ROLLCALL_DRAIN` | the drain before a deregistration | `1s` |
/// | `ROLLCALL_LOOKUP_TIMEOUT` | how long a look-up waits | `15s` |
/// | `ROLLCALL_IDLE_TIMEOUT` | when an unused service is no longer watched | `10m` |
/// | `ROLLCALL_BALANCER` | `random`, `round-robin`, `weighted`, `least-outstanding`, `peak-ewma` or `consistent-hash` | `random` |
/// | `ROLLCALL_SNAPSHOT_FILE` | the file that a start without the registry goes by | none |
///
/// For programs that move from gosd, `gosdTryFindServiceAmount` times `gosdTryFindServiceDelay` (seconds) stands for
/// `ROLLCALL_LOOKUP_TIMEOUT` where that is not set.
public struct RollcallConfiguration: Sendable {
    /// The URL of the backend.
    public var backend: String
    /// The namespace that all calls mean.
    public var namespace: Namespace
    /// How discovery behaves.
    public var discovery: DiscoveryConfiguration
    /// How registrars behave that name nothing else.
    public var registrar: RegistrarConfiguration

    /// Creates a configuration.
    public init(
        backend: String = "memory:",
        namespace: Namespace = .default,
        discovery: DiscoveryConfiguration = DiscoveryConfiguration(),
        registrar: RegistrarConfiguration = RegistrarConfiguration()
    ) {
        self.backend = backend
        self.namespace = namespace
        self.discovery = discovery
        self.registrar = registrar
    }

    /// Reads a configuration from environment variables, such as `ProcessInfo.processInfo.environment`.
    ///
    /// - Parameter environment: The variables by name; others than those above are ignored.
    /// - Throws: A ``ValidationError`` whose field is the variable with an invalid value.
    public init(environment: [String: String]) throws(ValidationError) {
        self.init()
        let reader = EnvironmentReader(environment)
        self.backend = environment["ROLLCALL_BACKEND"] ?? self.backend
        self.namespace =
            try reader.value("ROLLCALL_NAMESPACE") { (text) throws(ValidationError) in try Namespace(text) }
            ?? self.namespace
        self.registrar.ttl = try reader.duration("ROLLCALL_TTL") ?? self.registrar.ttl
        self.registrar.drain = try reader.duration("ROLLCALL_DRAIN") ?? self.registrar.drain
        let gosdTimeout = try Self.gosdLookupTimeout(reader)
        let timeout = try reader.duration("ROLLCALL_LOOKUP_TIMEOUT")
        self.discovery.lookupTimeout = timeout ?? gosdTimeout ?? self.discovery.lookupTimeout
        self.discovery.idleTimeout = try reader.duration("ROLLCALL_IDLE_TIMEOUT") ?? self.discovery.idleTimeout
        self.discovery.balancer =
            try reader.value("ROLLCALL_BALANCER") { (name) throws(ValidationError) in
                try NamedBalancers.named(name, field: "")
            } ?? self.discovery.balancer
        self.discovery.snapshotFile = environment["ROLLCALL_SNAPSHOT_FILE"] ?? self.discovery.snapshotFile
        try Self.check(self.registrar.ttl > .zero, "ROLLCALL_TTL", "must be above zero; 10s is usual")
        try Self.check(self.discovery.idleTimeout >= .seconds(1), "ROLLCALL_IDLE_TIMEOUT", "must be at least 1s")
    }

    private static func check(_ isLegal: Bool, _ name: String, _ rule: String) throws(ValidationError) {
        guard isLegal else { throw ValidationError(field: name, message: rule) }
    }

    private static func gosdLookupTimeout(_ reader: EnvironmentReader) throws(ValidationError) -> Duration? {
        let attempts = try reader.count("gosdTryFindServiceAmount")
        let seconds = try reader.count("gosdTryFindServiceDelay")
        guard attempts != nil || seconds != nil else { return nil }
        return .seconds((attempts ?? 5) * (seconds ?? 3))
    }

}

/// Reads variables and names them in errors.
private struct EnvironmentReader {
    private let environment: [String: String]

    init(_ environment: [String: String]) {
        self.environment = environment
    }

    func value<Value>(
        _ name: String,
        _ parse: (String) throws(ValidationError) -> Value
    ) throws(ValidationError) -> Value? {
        guard let text = self.environment[name] else { return nil }
        do throws(ValidationError) {
            return try parse(text)
        } catch {
            throw ValidationError(field: name, message: error.message, limit: error.limit)
        }
    }

    func duration(_ name: String) throws(ValidationError) -> Duration? {
        try self.value(name) { (text) throws(ValidationError) in try Duration(text: text, field: name) }
    }

    func count(_ name: String) throws(ValidationError) -> Int? {
        try self.value(name) { (text) throws(ValidationError) in
            guard let number = Int(text), (1...1000).contains(number) else {
                throw ValidationError(
                    field: name,
                    message: "\(text.quotedForDisplay) is not a whole number from 1 to 1000",
                    limit: 1000
                )
            }
            return number
        }
    }
}
