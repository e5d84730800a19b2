public import Rollcall

/// How a ``Prober`` behaves.
///
/// The defaults are those of the systems that Rollcall replaces (row G22).
public struct ProbeConfiguration: Sendable {
    /// What a check does.
    public enum Kind: Hashable, Sendable {
        /// What the endpoint's scheme calls for: `http` as ``http(path:)`` with ``ProbeConfiguration/path``, `grpc` as
        /// ``grpc(service:)`` without a name, any other as ``tcp``.
        case automatic
        /// Opens a connection and closes it.
        case tcp
        /// Asks for a path behind the endpoint's own by `GET`; a status from 200 to 399 passes.
        case http(path: String = "/")
        /// Asks `grpc.health.v1.Health/Check` for a service, or for the whole server when the name is empty.
        case grpc(service: String = "")
        /// Nothing: its verdict stays ``Rollcall/ProbeVerdict/unknown``.
        case none
    }

    /// What a check does to instances that do not say it themselves, by metadata under ``Kind/metadataKey``.
    ///
    /// Of `https` and `wss` endpoints only the connection is checked, whatever stands here.
    public var kind: Kind
    /// What ``Kind/automatic`` asks `http` endpoints for.
    public var path: String
    /// How often each endpoint is checked.
    public var interval: Duration
    /// How long a check may take.
    public var timeout: Duration
    /// After how many failures in a row an instance fails.
    public var failureThreshold: Int
    /// After how many passing checks in a row an instance that failed passes again.
    public var successThreshold: Int
    /// The most checks at once.
    public var concurrency: Int
    /// By which share of it the interval varies at random either way, so that checks spread.
    public var jitter: Double
    /// After how long without a check a verdict is worth nothing; `nil` for the larger of 30 s and three intervals with
    /// a timeout.
    public var maximumAge: Duration?
    /// The most connections to `http` endpoints that are kept from check to check; `nil` for half of the descriptors
    /// that the process may have.
    public var maximumConnections: Int?
    /// What measures time, but for timeouts, which are the system's.
    public var clock: TimeSource
    /// Where the prober says what happens.
    public var log: Log
    /// Which addresses may be called.
    package var permits: @Sendable (SocketAddress) -> Bool = { _ in true }

    /// Creates a configuration.
    ///
    /// - Parameters:
    ///   - kind: What a check does; by default what the endpoint's scheme calls for.
    ///   - path: What `http` endpoints are asked for; `/` by default.
    ///   - interval: 5 s by default; from 100 ms to a day.
    ///   - timeout: 2 s by default; above zero, at most an hour.
    ///   - failureThreshold: 3 by default; from 1 to 1000.
    ///   - successThreshold: 1 by default; from 1 to 1000.
    ///   - concurrency: 64 by default; from 1 to 4096.
    ///   - jitter: 0.1 by default; from 0 to 0.5.
    ///   - maximumAge: By default the larger of 30 s and three intervals with a timeout.
    ///   - maximumConnections: By default half of the descriptors that the process may have.
    ///   - clock: The monotonic clock by default.
    ///   - log: Silent by default.
    public init(
        kind: Kind = .automatic,
        path: String = "/",
        interval: Duration = .seconds(5),
        timeout: Duration = .seconds(2),
        failureThreshold: Int = 3,
        successThreshold: Int = 1,
        concurrency: Int = 64,
        jitter: Double = 0.1,
        maximumAge: Duration? = nil,
        maximumConnections: Int? = nil,
        clock: TimeSource = TimeSource(),
        log: Log = .silent
    ) {
        self.kind = kind
        self.path = path
        self.interval = interval
        self.timeout = timeout
        self.failureThreshold = failureThreshold
        self.successThreshold = successThreshold
        self.concurrency = concurrency
        self.jitter = jitter
        self.maximumAge = maximumAge
        self.maximumConnections = maximumConnections
        self.clock = clock
        self.log = log
    }

    /// After how long without a check a verdict is worth nothing.
    var effectiveMaximumAge: Duration {
        self.maximumAge ?? max(.seconds(30), self.interval * 3 + self.timeout)
    }

    /// What the table of instances goes by.
    var rules: ProbeRules {
        ProbeRules(
            interval: self.interval,
            failureThreshold: self.failureThreshold,
            successThreshold: self.successThreshold,
            jitter: self.jitter,
            maximumAge: self.effectiveMaximumAge
        )
    }
}

extension ProbeConfiguration {
    /// The most bytes of a path, or of the name of a gRPC service.
    private static let maximumTextBytes = 2048

    /// Checks what the types do not.
    ///
    /// - Throws: A ``ValidationError`` that names the field and its limit.
    package func check() throws(ValidationError) {
        try Self.check(path: self.path, field: "path")
        try Self.check(kind: self.kind)
        try Self.check("interval", self.interval, in: .milliseconds(100)...(.seconds(86400)))
        try Self.check("timeout", self.timeout, in: .milliseconds(1)...(.seconds(3600)))
        try Self.check("failureThreshold", self.failureThreshold, in: 1...1000)
        try Self.check("successThreshold", self.successThreshold, in: 1...1000)
        try Self.check("concurrency", self.concurrency, in: 1...4096)
        try Self.check("maximumConnections", self.maximumConnections ?? 0, in: 0...1_000_000)
        guard (0...0.5).contains(self.jitter) else {
            throw ValidationError(field: "jitter", message: "\(self.jitter) is not a share from 0 to 0.5")
        }
        let longest = self.interval * (1 + self.jitter) + self.timeout
        guard self.effectiveMaximumAge >= longest else {
            throw ValidationError(
                field: "maximumAge",
                message: "\(self.effectiveMaximumAge.text) would be over before the next check is; with this interval, "
                    + "jitter and timeout it must be at least \(longest.text)"
            )
        }
    }

    static func check(kind: Kind) throws(ValidationError) {
        switch kind {
        case .automatic, .tcp, .none: break
        case .http(let path): try Self.check(path: path, field: "kind.path")
        case .grpc(let service): try Self.check(service: service)
        }
    }

    private static func check(path: String, field: String) throws(ValidationError) {
        let isLegal = path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
        guard path.hasPrefix("/"), isLegal else {
            throw ValidationError(
                field: field,
                message: "\(path.quotedForDisplay) must be a path such as /health, percent-encoded, without '#'"
            )
        }
        try self.check(size: path, field: field)
    }

    private static func check(service: String) throws(ValidationError) {
        guard !service.hasControlCharacter else {
            throw ValidationError(
                field: "kind.service",
                message: "\(service.quotedForDisplay) must have no control characters"
            )
        }
        try self.check(size: service, field: "kind.service")
    }

    private static func check(size text: String, field: String) throws(ValidationError) {
        guard text.utf8.count <= self.maximumTextBytes else {
            throw ValidationError(
                field: field,
                message: "it has \(text.utf8.count) bytes, and at most \(self.maximumTextBytes) are allowed",
                limit: self.maximumTextBytes
            )
        }
    }

    private static func check(_ field: String, _ value: Int, in range: ClosedRange<Int>) throws(ValidationError) {
        guard !range.contains(value) else { return }
        throw ValidationError(
            field: field,
            message: "\(value) is not from \(range.lowerBound) to \(range.upperBound)",
            limit: value < range.lowerBound ? range.lowerBound : range.upperBound
        )
    }

    private static func check(
        _ field: String,
        _ value: Duration,
        in range: ClosedRange<Duration>
    ) throws(ValidationError) {
        guard !range.contains(value) else { return }
        throw ValidationError(
            field: field,
            message: "\(value) is not from \(range.lowerBound.text) to \(range.upperBound.text)"
        )
    }
}
