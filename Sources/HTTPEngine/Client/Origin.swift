package import Rollcall

/// Where requests go: a host with a port.
package struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// A name or a numeric address, IPv6 without brackets.
    package let host: String
    /// The port.
    package let port: Int

    /// Names an origin.
    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// The origin of an `http` endpoint.
    ///
    /// - Throws: `unsupported` for another scheme.
    package init(_ endpoint: Endpoint) throws(BackendError) {
        guard endpoint.scheme == "http" else {
            throw BackendError(.unsupported, "\(endpoint) is not an http endpoint, which is all that is spoken here")
        }
        self.init(host: endpoint.host, port: endpoint.port)
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
}
