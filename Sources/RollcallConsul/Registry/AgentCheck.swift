import Rollcall

extension ConsulBackend {
    /// A check that Consul's agent makes of each registered instance, beside the lease that its holder renews.
    ///
    /// An instance is critical until the first check passes, at most an interval after it was registered, and whenever
    /// one fails. The check ends with the registration.
    public struct AgentCheck: Hashable, Sendable {
        /// What is asked.
        public enum Kind: Hashable, Sendable {
            /// A GET at the instance's `http` or `https` endpoint.
            ///
            /// A status of success passes and 429 is a warning. The path stands behind that of the endpoint.
            case http(path: String)
            /// A connection to the instance's `tcp` endpoint, or to its primary one where it has none.
            case tcp
            /// The health protocol of gRPC at the instance's `grpc` or, by TLS, `grpcs` endpoint.
            ///
            /// It is asked of that service; of the server as a whole when the name is empty.
            case grpc(service: String)
        }

        /// What is asked.
        public var kind: Kind
        /// How often; from 1 s.
        public var interval: Duration
        /// How long an answer may take; at most as long as the interval.
        public var timeout: Duration

        /// Describes a check.
        ///
        /// - Parameters:
        ///   - kind: What is asked.
        ///   - interval: 10 s by default.
        ///   - timeout: 2 s by default.
        public init(_ kind: Kind, interval: Duration = .seconds(10), timeout: Duration = .seconds(2)) {
            self.kind = kind
            self.interval = interval
            self.timeout = timeout
        }
    }
}

extension ConsulBackend.AgentCheck {
    /// Reads what a URL says: `check=http&check-path=/health&check-interval=5s&check-timeout=1s`.
    ///
    /// - Parameter values: The parameters of the URL by their names.
    /// - Returns: `nil` for a URL that says nothing of a check.
    /// - Throws: A ``ValidationError`` that names the parameter.
    static func read(_ values: [String: String]) throws(ValidationError) -> ConsulBackend.AgentCheck? {
        guard let kind = values["check"] else {
            for name in ["check-path", "check-service", "check-interval", "check-timeout"] where values[name] != nil {
                throw ValidationError(field: name, message: "there is no check=http, tcp or grpc that it is for")
            }
            return nil
        }
        for (name, owner) in [("check-path", "http"), ("check-service", "grpc")] where values[name] != nil {
            guard kind == owner else { throw ValidationError(field: name, message: "it is for check=\(owner) alone") }
        }
        var check: ConsulBackend.AgentCheck
        switch kind {
        case "http": check = Self(.http(path: values["check-path"] ?? "/"))
        case "tcp": check = Self(.tcp)
        case "grpc": check = Self(.grpc(service: values["check-service"] ?? ""))
        default:
            throw ValidationError(field: "check", message: "\(kind.quotedForDisplay) is none of http, tcp, grpc")
        }
        if let text = values["check-interval"] { check.interval = try Duration(text: text, field: "check-interval") }
        if let text = values["check-timeout"] { check.timeout = try Duration(text: text, field: "check-timeout") }
        return check
    }

    /// Checks what a mistake would break late.
    func check() throws(ValidationError) {
        try ConsulBackend.Configuration.check(self.interval, "agentCheck.interval", .seconds(1)...(.seconds(86400)))
        try ConsulBackend.Configuration.check(self.timeout, "agentCheck.timeout", .milliseconds(1)...self.interval)
        switch self.kind {
        case .http(let path):
            guard path.hasPrefix("/"), Self.isPlain(path), !path.contains("#") else {
                throw ValidationError(
                    field: "agentCheck.path",
                    message: "\(path.quotedForDisplay) is no path such as /health in printable ASCII"
                )
            }
        case .tcp: return
        case .grpc(let service):
            guard Self.isPlain(service), !service.contains("/") else {
                throw ValidationError(
                    field: "agentCheck.service",
                    message: "\(service.quotedForDisplay) is no name of a gRPC service"
                )
            }
        }
    }

    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 > UInt8(ascii: " ") && $0 < 0x7F } && text.utf8.count <= 512
    }

    /// Finds out where an instance is checked.
    ///
    /// - Parameter instance: The instance.
    /// - Returns: What Consul is told.
    /// - Throws: A ``ValidationError`` when the instance has no endpoint for it.
    func target(in instance: ServiceInstance) throws(ValidationError) -> AgentCheckTarget {
        func endpoint(_ schemes: String...) -> Endpoint? {
            schemes.lazy.compactMap { scheme in instance.endpoints.first { $0.scheme == scheme } }.first
        }
        let (found, wanted): (Endpoint?, String) =
            switch self.kind {
            case .http: (endpoint("http", "https"), "http or https")
            case .tcp: (endpoint("tcp") ?? (instance.endpoint.scheme == "unix" ? nil : instance.endpoint), "TCP")
            case .grpc: (endpoint("grpc", "grpcs"), "grpc or grpcs")
            }
        guard let found else {
            let there = instance.endpoints.map(\.description).joined(separator: ", ")
            throw ValidationError(
                field: "agentCheck",
                message:
                    "\(instance.service)/\(instance.id) has no \(wanted) endpoint that Consul's agent could check: "
                    + there
            )
        }
        return AgentCheckTarget(check: self, endpoint: found)
    }
}

/// A check of one instance, as Consul is told.
struct AgentCheckTarget: Hashable {
    let check: ConsulBackend.AgentCheck
    let endpoint: Endpoint

    /// `host:port`, where an address that stands for all of the machine's is the agent's own machine.
    private var authority: String {
        guard InstanceCodec.isAnyAddress(self.endpoint.host) else { return self.endpoint.authority }
        return "\(self.endpoint.host.contains(":") ? "[::1]" : "127.0.0.1"):\(self.endpoint.port)"
    }

    /// Writes the members that say what is checked, and how.
    func write(to writer: inout JSONWriter) {
        switch self.check.kind {
        case .http(let path):
            let prefix = self.endpoint.path.hasSuffix("/") ? String(self.endpoint.path.dropLast()) : self.endpoint.path
            writer.member("HTTP", "\(self.endpoint.scheme)://\(self.authority)\(prefix)\(path)")
        case .tcp: writer.member("TCP", self.authority)
        case .grpc(let service):
            writer.member("GRPC", service.isEmpty ? self.authority : "\(self.authority)/\(service)")
            if self.endpoint.scheme == "grpcs" {
                writer.key("GRPCUseTLS")
                writer.boolean(true)
            }
        }
        writer.member("Interval", self.check.interval.consulText)
        writer.member("Timeout", self.check.timeout.consulText)
    }
}
