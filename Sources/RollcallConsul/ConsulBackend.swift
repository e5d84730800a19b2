import HTTPEngine
public import Rollcall
import Synchronization

/// The driver for Consul, through the HTTP API of its agents.
///
/// Registrations belong to one agent, the first of the URL: an agent looks after its own alone. Everything else is the
/// cluster's, and any agent of the URL is asked for it. Calls share a few connections that are kept; each watch has one
/// of its own, so that watches never keep renewals waiting.
public final class ConsulBackend: RegistryBackend {
    static let name = "consul"

    /// The kind of backend.
    public var name: String { Self.name }
    /// What this backend does differently where the contract leaves room.
    ///
    /// A reason why somebody left is `deregistered` where he said before that he would, else `unknown`.
    public let capabilities = BackendCapabilities(ttl: .seconds(1)...(.seconds(86400)), expirySlack: .seconds(1))

    let calls: ConsulCalls
    /// Calls that wait for a change.
    let streams: ConsulCalls
    /// How many questions there are that are asked again and again.
    private let followers = Atomic(0)
    let configuration: Configuration
    let namespace: Namespace
    /// What all keys of this namespace begin with.
    let keyRoot: String
    let layout: any ConsulLayout
    let configLayout: ConsulConfigLayout
    let feed: AmendmentFeed
    /// Registrations that are being made: each takes several calls, for which its time must be enough.
    let enrolments = Turns(3)
    let others = OtherAgents()
    let answers = ServiceAnswers()
    let strays = StrayRegistrations()
    private let isRunning = Atomic(false)

    /// Creates a client of Consul.
    ///
    /// - Parameters:
    ///   - url: `consul://127.0.0.1:8500/dc1?consistency=stale`; several agents stand with commas between them. The port is
    ///     8500 where none is given. With `consul+https` it is TLS and the usual port 8501, for which `?ca=FILE`,
    ///     `&cert=FILE&key=FILE` and `&server-name=…` are there. What the URL says counts before what the configuration
    ///     does.
    ///   - namespace: The namespace that all calls mean.
    ///   - configuration: How to behave.
    /// - Throws: `invalidArgument` for another URL, or a setting that cannot be; `unavailable` when the process has no
    ///   descriptor left.
    public init(
        url: String,
        namespace: Namespace = .default,
        configuration: Configuration = Configuration()
    ) throws(BackendError) {
        let url = try ConsulURL(url, configuration: configuration)
        try url.configuration.check()
        self.configuration = url.configuration
        self.namespace = namespace
        let keyRoot = "\(url.configuration.prefix)/\(ConsulKey.segment(namespace.text))/"
        self.keyRoot = keyRoot
        let isNamed = url.configuration.namespaces == .names
        self.layout = url.configuration.instanceLayout(isNamed ? namespace : nil)
        self.configLayout = url.configuration.configLayout(keyRoot)
        let client = try HTTPClient()
        let streams = try HTTPClient()
        let credentials = CredentialStore(url.configuration.credentials, clock: client.clock)
        let outer = isNamed ? nil : namespace
        self.calls = ConsulCalls(
            client: client,
            url: url,
            namespace: outer,
            credentials: credentials,
            lanes: ConsulCalls.Lanes()
        )
        self.streams = ConsulCalls(client: streams, url: url, namespace: outer, credentials: credentials)
        self.feed = AmendmentFeed()
    }

    /// Takes note that a question is asked again and again.
    func beginFollowing() { self.followers.wrappingAdd(1, ordering: .relaxed) }

    /// Takes note that one is no longer; with the last, their connections go, of which an agent has few.
    func endFollowing() {
        guard self.followers.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        self.streams.client.pool.closeResting()
    }

    var clock: TimeSource { self.calls.client.clock }
    var log: Log { self.configuration.log.component(Self.name) }

    /// The parameter that says how fresh an answer must be.
    var freshness: [(String, String)] {
        self.configuration.consistency == .leader ? [] : [(self.configuration.consistency.rawValue, "")]
    }

    /// The schemes of its URLs.
    public static let schemes = ConsulURL.schemes

    /// Opens backends for URLs with the schemes `consul` and `consul+https`; for ``RollcallClient``.
    public static let opener: RollcallClient.BackendOpener = ConsulBackend.opener(environment: [:])

    /// Opens backends for URLs with the schemes `consul` and `consul+https`, with credentials from the environment.
    ///
    /// What the URL does not say is taken from the variables of Consul's own program: `CONSUL_HTTP_TOKEN`,
    /// `CONSUL_HTTP_TOKEN_FILE`, `CONSUL_HTTP_AUTH` and `CONSUL_PARTITION`, and for URLs by TLS `CONSUL_CACERT`,
    /// `CONSUL_CLIENT_CERT`, `CONSUL_CLIENT_KEY` and `CONSUL_TLS_SERVER_NAME`.
    ///
    /// - Parameter environment: The variables by name, such as `ProcessInfo.processInfo.environment`.
    /// - Returns: The opener.
    public static func opener(environment: [String: String]) -> RollcallClient.BackendOpener {
        let configuration = Configuration(environment: environment)
        return { (url, namespace) throws(BackendError) in
            try ConsulBackend(url: url, namespace: namespace, configuration: configuration)
        }
    }

    /// See ``Backend/run()``.
    public func run() async throws(BackendError) {
        guard !self.isRunning.exchange(true, ordering: .sequentiallyConsistent) else {
            throw BackendError(.alreadyRunning, "run() of this backend runs already", backend: self.name)
        }
        defer { self.isRunning.store(false, ordering: .sequentiallyConsistent) }
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        await Signal().wait()
        self.calls.client.pool.closeResting()
        self.streams.client.pool.closeResting()
    }

    /// See ``Backend/health()``.
    ///
    /// Reads only; the version stays unknown to a token that may not read about the agent.
    public func health() async -> BackendHealth {
        let start = self.clock.now
        do throws(BackendError) {
            let leader = try await self.text("/v1/status/leader")
            let latency = start.duration(to: self.clock.now)
            var health = BackendHealth(
                isReachable: true,
                latency: latency,
                leader: leader.isEmpty ? nil : leader,
                canRead: !leader.isEmpty || self.configuration.consistency == .stale,
                canWrite: !leader.isEmpty,
                error: leader.isEmpty ? .unavailable : nil,
                message: leader.isEmpty ? "Consul has no leader" : nil
            )
            health.memberCount = try? await self.peerCount()
            health.serverVersion = try? await self.version()
            return health
        } catch {
            return BackendHealth(unreachable: error)
        }
    }

    private func text(_ path: String) async throws(BackendError) -> String {
        let answer = try await self.calls.send(ConsulCall(path: path, operation: "health", isRenewal: true))
        return try ConsulCalls.reading("health", nil) { () throws(ValidationError) in
            var reader = JSONReader(answer.body)
            let text = try reader.string()
            try reader.end()
            return text
        }
    }

    private func peerCount() async throws(BackendError) -> Int {
        let answer = try await self.calls.send(
            ConsulCall(path: "/v1/status/peers", operation: "health", isRenewal: true)
        )
        return try ConsulCalls.reading("health", nil) { () throws(ValidationError) in
            var reader = JSONReader(answer.body)
            return try reader.strings().count
        }
    }

    private func version() async throws(BackendError) -> String? {
        let call = ConsulCall(path: "/v1/agent/self", operation: "health", place: .agent, isRenewal: true)
        let answer = try await self.calls.send(call)
        return try ConsulCalls.reading("health", nil) { () throws(ValidationError) in
            var version: String?
            var reader = JSONReader(answer.body)
            try reader.object { (reader, name) throws(ValidationError) in
                guard name == "Config" else { return try reader.skip() }
                try reader.object { (reader, name) throws(ValidationError) in
                    if name == "Version" { version = try reader.string() } else { try reader.skip() }
                }
            }
            return version
        }
    }

    /// Makes a call that cancellation does not cut short: its own limit of time does, which comes first.
    func uncancelled<Value: Sendable>(
        _ call: @escaping @Sendable () async throws(BackendError) -> Value
    ) async throws(BackendError) -> Value {
        try await withoutCancellation(deadline: self.configuration.timeout + .seconds(1), clock: self.clock, call)
    }

    func cancelled(_ operation: String, applied: BackendError.Applied = .no) -> BackendError {
        BackendError(
            .cancelled,
            "the task was cancelled",
            backend: self.name,
            operation: operation,
            applied: applied
        )
    }
}
