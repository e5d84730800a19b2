public import Rollcall

extension ConsulBackend {
    /// How fresh what is read must be.
    public enum Consistency: String, Hashable, Sendable, CaseIterable {
        /// The leader answers; right after a change of leader it may be a moment behind.
        case leader
        /// The leader answers after it made sure that it leads: one more round trip within the cluster.
        case consistent
        /// Any server answers, also without a leader; how far it is behind has no bound.
        case stale
    }

    /// How namespaces are kept apart.
    public enum Namespaces: String, Hashable, Sendable, CaseIterable {
        /// By names: `shop--web` is the service `web` of the namespace `shop`. Works with every edition.
        case names
        /// By Consul Enterprise, which must know the namespace.
        case enterprise
    }

    /// Who the driver is to Consul; a token or a user, or both where a proxy asks for the user.
    public struct Credentials: Sendable {
        /// Consul's token.
        public var token: String?
        /// A file with the token, read again when it changes; counts where ``token`` is `nil`.
        public var tokenFile: String?
        /// A user of a proxy in front of Consul.
        public var user: String?
        /// The user's password.
        public var password: String?

        /// Creates credentials; without arguments there are none.
        public init(token: String? = nil, tokenFile: String? = nil, user: String? = nil, password: String? = nil) {
            self.token = token
            self.tokenFile = tokenFile
            self.user = user
            self.password = password
        }
    }

    /// How the driver behaves.
    public struct Configuration: Sendable {
        /// What all keys in Consul's store begin with: `rollcall`.
        public var prefix: String
        /// What the paths of all calls begin with, such as `/consul` where a proxy serves the agent there; nothing by default.
        public var pathPrefix = ""
        /// Who the driver is to Consul.
        public var credentials: Credentials
        /// The datacenter that is read and written; the agent's own where it is `nil`.
        ///
        /// Registrations always belong to the agent's.
        public var datacenter: String?
        /// The admin partition of Consul Enterprise.
        public var partition: String?
        /// How namespaces are kept apart.
        public var namespaces: Namespaces
        /// How fresh what is read must be.
        public var consistency: Consistency
        /// How long a call may take.
        public var timeout: Duration
        /// How long a watch waits for a change before it asks again.
        ///
        /// A server that is gone without a word is noticed after that and a little more.
        public var wait: Duration
        /// After how long of being expired Consul removes a record; not below a minute.
        public var deregisterAfter: Duration
        /// The least time-to-live of a session that the servers grant, as their `session_ttl_min` says.
        public var minimumSessionTTL: Duration
        /// How long nobody gets a lock whose holder's session ended without letting go, at most a minute.
        ///
        /// A third of the time-to-live where it is `nil`: within that the holder renews, and learns of the end.
        public var lockDelay: Duration?
        /// Where records stand, and how they are written.
        public var layout: Layout
        /// A check that the agent makes of each instance that is registered, beside the lease; `nil` for none.
        public var agentCheck: AgentCheck?
        /// How TLS is spoken; `nil` for plain connections.
        ///
        /// What a URL with `consul+https` says comes first.
        public var tls: TLSConfiguration?
        /// How TLS is spoken with a URL that asks for it and a configuration that says nothing: what variables say.
        package var environmentTLS: TLSConfiguration?
        /// Where the driver says what happens.
        public var log: Log

        /// Creates a configuration.
        ///
        /// - Parameters:
        ///   - prefix: What all keys begin with.
        ///   - credentials: None by default.
        ///   - datacenter: The agent's own by default.
        ///   - partition: None by default.
        ///   - namespaces: By names.
        ///   - consistency: The leader's answers.
        ///   - timeout: 5 s by default.
        ///   - wait: 30 s by default.
        ///   - deregisterAfter: 1 minute by default.
        ///   - minimumSessionTTL: 10 s, as servers have it that nobody configured.
        ///   - lockDelay: A third of the time-to-live by default.
        ///   - layout: Rollcall's own by default.
        ///   - agentCheck: None by default.
        ///   - tls: Plain connections by default.
        ///   - log: Silent by default.
        public init(
            prefix: String = "rollcall",
            credentials: Credentials = Credentials(),
            datacenter: String? = nil,
            partition: String? = nil,
            namespaces: Namespaces = .names,
            consistency: Consistency = .leader,
            timeout: Duration = .seconds(5),
            wait: Duration = .seconds(30),
            deregisterAfter: Duration = .seconds(60),
            minimumSessionTTL: Duration = .seconds(10),
            lockDelay: Duration? = nil,
            layout: Layout = .rollcall,
            agentCheck: AgentCheck? = nil,
            tls: TLSConfiguration? = nil,
            log: Log = .silent
        ) {
            self.prefix = prefix
            self.credentials = credentials
            self.datacenter = datacenter
            self.partition = partition
            self.namespaces = namespaces
            self.consistency = consistency
            self.timeout = timeout
            self.wait = wait
            self.deregisterAfter = deregisterAfter
            self.minimumSessionTTL = minimumSessionTTL
            self.lockDelay = lockDelay
            self.layout = layout
            self.agentCheck = agentCheck
            self.tls = tls
            self.log = log
        }
    }
}

extension ConsulBackend.Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Says what there is, and none of the secrets.
    public var description: String {
        let parts = [
            self.token.map { _ in "a token" }, self.tokenFile.map { "the token in \($0.quotedForDisplay)" },
            self.user.map { "the user \($0.quotedForDisplay)" },
        ].compactMap(\.self)
        return parts.isEmpty ? "no credentials" : parts.joined(separator: " and ")
    }
    /// The same as `description`.
    public var debugDescription: String { self.description }
    /// Shows what `description` shows.
    public var customMirror: Mirror { Mirror(self, children: ["credentials": self.description]) }
}

extension ConsulBackend.Configuration {
    /// How TLS is spoken with a URL that asks for it, before what that URL says.
    func tlsByURL() throws(ValidationError) -> TLSConfiguration {
        if let tls = self.tls { return tls }
        let tls = self.environmentTLS ?? TLSConfiguration()
        if let identity = tls.clientCertificate, identity.certificateFile.isEmpty || identity.keyFile.isEmpty {
            throw ValidationError(
                field: identity.keyFile.isEmpty ? "CONSUL_CLIENT_KEY" : "CONSUL_CLIENT_CERT",
                message: "is not set: a certificate and its key belong together"
            )
        }
        return tls
    }

    /// Checks what a mistake would break late.
    func check() throws(BackendError) {
        do throws(ValidationError) {
            guard !self.prefix.isEmpty, ConsulKey.key(self.prefix) == self.prefix else {
                throw ValidationError(
                    field: "prefix",
                    message: "\(self.prefix.quotedForDisplay) is not of letters, digits, '-', '_' and single '/' alone"
                )
            }
            try Self.check(self.timeout, "timeout", .milliseconds(1)...(.seconds(300)))
            try Self.check(self.wait, "wait", .milliseconds(10)...(.seconds(600)))
            try Self.check(self.deregisterAfter, "deregisterAfter", .seconds(60)...(.seconds(30 * 86400)))
            try Self.check(self.minimumSessionTTL, "minimumSessionTTL", .milliseconds(100)...(.seconds(86400)))
            try self.agentCheck?.check()
            if let lockDelay { try Self.check(lockDelay, "lockDelay", .zero...(.seconds(60))) }
        } catch {
            var fault = BackendError(error)
            fault.backend = ConsulBackend.name
            throw fault
        }
    }

    static func check(
        _ duration: Duration,
        _ field: String,
        _ range: ClosedRange<Duration>
    ) throws(ValidationError) {
        guard !range.contains(duration) else { return }
        throw ValidationError(
            field: field,
            message: "\(duration.text) is not from \(range.lowerBound.text) to \(range.upperBound.text)"
        )
    }
}
