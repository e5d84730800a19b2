import HTTPEngine
import Rollcall

/// A URL such as `consul://127.0.0.1:8500/dc1?consistency=stale`, with `consul+https` by TLS, taken apart.
struct ConsulURL {
    /// The schemes that stand in URLs of backends, the one for TLS last.
    static let schemes = ["consul", "consul+https"]
    private static let plainSchemes = ["consul://", "http://"]
    private static let secureSchemes = ["consul+https://", "https://"]
    /// The usual port of an agent.
    static let usualPort = 8500
    /// The port by TLS that agents have by convention.
    static let usualSecurePort = 8501

    /// The agents, the one of registrations first.
    private(set) var origins: [Origin] = []
    /// The configuration with what the URL says in it.
    private(set) var configuration: ConsulBackend.Configuration

    /// Reads a URL.
    ///
    /// - Parameters:
    ///   - text: The URL.
    ///   - configuration: What holds where the URL says nothing.
    /// - Throws: `invalidArgument` that says what is wrong, without user and password.
    init(_ text: String, configuration: ConsulBackend.Configuration) throws(BackendError) {
        self.configuration = configuration
        do throws(ValidationError) {
            try self.read(text)
            try self.checkPathPrefix()
        } catch {
            let url = text.withoutCredentials.prefix { $0 != "?" }.quotedForDisplay
            throw BackendError(
                .invalidArgument,
                "\(url) is not the URL of Consul such as consul://127.0.0.1:8500: \(error)",
                backend: ConsulBackend.name,
                cause: error
            )
        }
    }

    private mutating func read(_ text: String) throws(ValidationError) {
        guard let scheme = (Self.plainSchemes + Self.secureSchemes).first(where: { text.hasPrefix($0) }) else {
            throw ValidationError(field: "scheme", message: "must be consul://, consul+https://, http:// or https://")
        }
        let isSecure = Self.secureSchemes.contains(scheme)
        if isSecure { self.configuration.tls = try self.configuration.tlsByURL() }
        var rest = text.dropFirst(scheme.count)
        guard !rest.contains("#") else { throw ValidationError(field: "", message: "has a fragment") }
        if let mark = rest.firstIndex(of: "?") {
            try self.read(query: rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard !rest[slash...].contains("@") else {
            throw ValidationError(field: "user", message: "a '/' in user or password must be written as %2F")
        }
        try self.read(datacenter: rest[slash...].dropFirst())
        var authority = rest[..<slash]
        if let at = authority.lastIndex(of: "@") {
            try self.read(credentials: authority[..<at])
            authority = authority[authority.index(after: at)...]
        }
        for address in authority.split(separator: ",", omittingEmptySubsequences: false) {
            let usualPort = isSecure ? Self.usualSecurePort : Self.usualPort
            self.origins.append(try Self.origin(address, usualPort: usualPort, tls: self.configuration.tls))
        }
    }

    private mutating func read(datacenter text: Substring) throws(ValidationError) {
        let name = text.last == "/" ? text.dropLast() : text
        guard !name.isEmpty else { return }
        guard name.utf8.allSatisfy({ $0.isPlainAlphanumeric || "-_".utf8.contains($0) }) else {
            throw ValidationError(
                field: "datacenter",
                message: "\(name.quotedForDisplay) is not of letters, digits, '-' and '_' alone"
            )
        }
        self.configuration.datacenter = String(name)
    }

    private mutating func read(credentials text: Substring) throws(ValidationError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let user = parts.first, !user.isEmpty, let password = parts.last else {
            throw ValidationError(field: "user", message: "must be user:password")
        }
        self.configuration.credentials.user = try Self.decode(user, "user")
        self.configuration.credentials.password = try Self.decode(password, "password")
    }

    /// Decodes what may be a secret: an error shows nothing of it.
    private static func decode(_ text: Substring, _ field: String) throws(ValidationError) -> String {
        do throws(ValidationError) {
            return try PercentEncoding.decode(text, field: field)
        } catch {
            throw ValidationError(field: field, message: "is not percent-encoded UTF-8")
        }
    }

    private static func origin(
        _ text: Substring,
        usualPort: Int,
        tls: TLSConfiguration?
    ) throws(ValidationError) -> Origin {
        let hasPort = text.last != "]" && text.split(separator: "]").last?.contains(":") == true
        do throws(ValidationError) {
            let endpoint = try Endpoint("http://" + text + (hasPort ? "" : ":\(usualPort)"))
            return Origin(host: endpoint.host, port: endpoint.port, tls: tls)
        } catch {
            throw ValidationError(field: "address", message: error.message, limit: error.limit)
        }
    }

    private mutating func read(query text: Substring) throws(ValidationError) {
        guard !text.split(separator: "&").contains(where: { $0.hasPrefix("token=") }) else {
            throw ValidationError(
                field: "token",
                message: "a secret has no place in a URL; set CONSUL_HTTP_TOKEN or name a token-file"
            )
        }
        let items = try Query(text).items
        let values = Dictionary(items.map { ($0.name, $0.value) }) { _, last in last }
        try self.readFiles(values)
        if let check = try ConsulBackend.AgentCheck.read(values) { self.configuration.agentCheck = check }
        for (name, value) in items {
            switch name {
            case "ca", "cert", "key", "server-name": continue
            case "check", "check-path", "check-service", "check-interval", "check-timeout": continue
            case "layout": self.configuration.layout = try Self.choice(value, name)
            case "dc": try self.read(datacenter: value[...])
            case "partition": self.configuration.partition = value
            case "prefix": self.configuration.prefix = value
            case "path-prefix": self.configuration.pathPrefix = value
            case "token-file": self.configuration.credentials.tokenFile = value
            case "consistency": self.configuration.consistency = try Self.choice(value, name)
            case "namespaces": self.configuration.namespaces = try Self.choice(value, name)
            case "timeout": self.configuration.timeout = try Duration(text: value, field: name)
            case "wait": self.configuration.wait = try Duration(text: value, field: name)
            case "deregister-after": self.configuration.deregisterAfter = try Duration(text: value, field: name)
            case "session-ttl-min": self.configuration.minimumSessionTTL = try Duration(text: value, field: name)
            case "lock-delay": self.configuration.lockDelay = try Duration(text: value, field: name)
            default: throw ValidationError(field: name, message: "there is no such parameter here")
            }
        }
    }

    private mutating func checkPathPrefix() throws(ValidationError) {
        let segments = self.configuration.pathPrefix.split(separator: "/")
        for segment in segments where !segment.utf8.allSatisfy({ $0.isPlainAlphanumeric || "-_.~".utf8.contains($0) }) {
            throw ValidationError(
                field: "path-prefix",
                message: "\(String(segment).quotedForDisplay) is not of letters, digits, '-', '_', '.' and '~' alone"
            )
        }
        self.configuration.pathPrefix = segments.map { "/\($0)" }.joined()
    }

    /// Reads what is for TLS.
    private mutating func readFiles(_ values: [String: String]) throws(ValidationError) {
        for name in ["ca", "cert", "key", "server-name"] where self.configuration.tls == nil && values[name] != nil {
            throw ValidationError(
                field: name,
                message: "it is for TLS, and the URL does not begin with consul+https://"
            )
        }
        if let file = values["ca"] { self.configuration.tls?.caFile = file }
        if let name = values["server-name"] { self.configuration.tls?.serverName = name }
        switch (values["cert"], values["key"]) {
        case (nil, nil): return
        case (let certificate?, let key?):
            self.configuration.tls?.clientCertificate = .init(certificateFile: certificate, keyFile: key)
        default: throw ValidationError(field: "cert", message: "a certificate and its key belong together")
        }
    }

    private static func choice<Choice: RawRepresentable & CaseIterable>(
        _ text: String,
        _ field: String
    ) throws(ValidationError) -> Choice where Choice.RawValue == String {
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError(field: field, message: "\(text.quotedForDisplay) is none of \(known)")
        }
        return choice
    }
}
