package import Rollcall

/// Where requests go: a host with a port, and how it is spoken to.
package struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// A name or a numeric address, IPv6 without brackets.
    package let host: String
    /// The port.
    package let port: Int

    // One word also where there is none, as origins are copied and compared with each request.
    private let security: Security?

    /// Names an origin.
    ///
    /// - Parameters:
    ///   - host: A name or a numeric address, IPv6 without brackets.
    ///   - port: The port.
    ///   - tls: How TLS is spoken to it; `nil` for plain connections.
    package init(host: String, port: Int, tls: TLSConfiguration? = nil) {
        self.host = host
        self.port = port
        self.security = tls.map(Security.init)
    }

    /// How TLS is spoken to it; `nil` for plain connections.
    package var tls: TLSConfiguration? { self.security?.configuration }

    /// The origin of an `http` endpoint.
    ///
    /// - Throws: `unsupported` for another scheme.
    package init(_ endpoint: Endpoint) throws(BackendError) {
        guard endpoint.scheme == "http" else {
            throw BackendError(.unsupported, "\(endpoint) is not an http endpoint, which is all that is spoken here")
        }
        self.init(host: endpoint.host, port: endpoint.port)
    }

    /// The origin of an `http` or `https` endpoint.
    ///
    /// - Parameters:
    ///   - endpoint: The endpoint.
    ///   - tls: How TLS is spoken when the scheme is `https`.
    /// - Throws: `unsupported` for another scheme.
    package init(_ endpoint: Endpoint, tls: TLSConfiguration) throws(BackendError) {
        guard endpoint.scheme == "https" else {
            try self.init(endpoint)
            return
        }
        self.init(host: endpoint.host, port: endpoint.port, tls: tls)
    }

    /// The numeric addresses that the host has now, for those who know others by theirs.
    ///
    /// - Parameter limit: How long to wait for the resolver.
    /// - Returns: The addresses; none for a name that the resolver does not know.
    /// - Throws: A ``ConnectionError``: `timeout`, `refused` when the resolver cannot be asked, `closed` in a
    ///   cancelled task.
    package func addresses(within limit: Duration) async throws(ConnectionError) -> [SocketAddress] {
        let resolver = Resolver.shared
        return try await resolver.addresses(of: self, until: resolver.clock.now.advanced(by: limit))
    }

    /// `host:port` with brackets around an IPv6 address, as the field `Host` wants it.
    package var description: String {
        self.host.utf8.contains(UInt8(ascii: ":")) ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }

    private final class Security: Hashable, Sendable {
        let configuration: TLSConfiguration

        init(_ configuration: TLSConfiguration) {
            self.configuration = configuration
        }

        static func == (one: Security, other: Security) -> Bool {
            one === other || one.configuration == other.configuration
        }

        func hash(into hasher: inout Hasher) { hasher.combine(self.configuration) }
    }
}
