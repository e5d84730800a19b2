/// Where an instance listens: a scheme, a host and a port, or a path in the file system.
///
/// Its text form is a URL: `http://10.0.0.7:8080`, `grpc://[2001:db8::1]:9090`, `tcp://db.internal:5432`,
/// `https://example.com/api`, `unix:///run/web.sock`. User names, passwords, queries and fragments are refused,
/// because what is registered is read by everybody.
public struct Endpoint: Hashable, Sendable {
    /// How to talk to it, in lower case: `http`, `https`, `grpc`, `tcp`, `unix` or another.
    public let scheme: String
    /// A host name or address; an IPv6 address without brackets.
    ///
    /// Empty for `unix`.
    public let host: String
    /// From 1 to 65535; 0 for `unix` only.
    public let port: Int
    /// Empty, or a path that begins with `/`: a prefix for `http`, the socket for `unix`.
    public let path: String

    /// Creates an endpoint from its parts.
    ///
    /// - Parameters:
    ///   - scheme: A letter, then letters, digits, `+`, `-` or `.`; taken in lower case.
    ///   - host: A host name, an IPv4 address, or an IPv6 address with or without brackets.
    ///   - port: From 1 to 65535. By default 80 for `http` and `ws`, 443 for `https` and `wss`, 50051 for `grpc`.
    ///   - path: Empty, or a path that begins with `/`.
    /// - Throws: A ``ValidationError`` for the field `endpoint`.
    public init(scheme: String, host: String, port: Int? = nil, path: String = "") throws(ValidationError) {
        guard Self.isScheme(scheme) else {
            throw Self.fault(
                "the scheme \(scheme.quotedForDisplay) must be a letter, then letters, digits, '+', '-', '.'"
            )
        }
        let scheme = scheme.lowercased()
        try Self.check(path: path)
        guard scheme != "unix" else {
            guard host.isEmpty, port == nil, path.count > 1 else {
                throw Self.fault("a unix endpoint has a path and no host: unix:///run/web.sock")
            }
            self.init(unchecked: scheme, host: "", port: 0, path: path)
            try self.checkLength()
            return
        }
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        let bare = isBracketed ? String(host.dropFirst().dropLast()) : host
        guard !isBracketed || bare.contains(":") else {
            throw Self.fault("\(host.quotedForDisplay) is no IPv6 address, and only those stand in brackets")
        }
        try Self.check(host: bare)
        guard let port = port ?? Self.defaultPorts[scheme] else {
            throw Self.fault("the scheme '\(scheme)' has no usual port, so one must be given: \(scheme)://\(bare):PORT")
        }
        guard (1...65535).contains(port) else {
            throw Self.fault("the port \(port) is not from 1 to 65535", limit: 65535)
        }
        self.init(unchecked: scheme, host: bare, port: port, path: path)
        try self.checkLength()
    }

    private init(unchecked scheme: String, host: String, port: Int, path: String) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
    }

    /// `host:port` with brackets around an IPv6 address, as connections and `Host` headers want it; the path of `unix`.
    public var authority: String {
        if self.scheme == "unix" { return self.path }
        return self.host.utf8.contains(UInt8(ascii: ":")) ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}

extension Endpoint: CustomStringConvertible {
    /// The text form.
    public var description: String {
        self.scheme == "unix" ? "unix://\(self.path)" : "\(self.scheme)://\(self.authority)\(self.path)"
    }
}

extension Endpoint: Comparable {
    /// Orders by the text form, byte by byte.
    public static func < (lhs: Self, rhs: Self) -> Bool {
        lhs.description.utf8.lexicographicallyPrecedes(rhs.description.utf8)
    }
}
