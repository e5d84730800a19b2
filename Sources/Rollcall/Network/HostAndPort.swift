/// A host with a port, or one of the two: what people write where an address is asked for.
///
/// Its text form reads back as the same value: `db.internal:5432`, `[::1]:80`, `:5454`, `10.0.0.7`, `::1`.
public struct HostAndPort: Hashable, Sendable {
    /// A host name or address as it was written, an IPv6 address without brackets.
    ///
    /// Empty when only a port is named.
    public let host: String
    /// From 0 to 65535; `nil` when none is named.
    public let port: Int?

    /// Creates an address from its parts.
    ///
    /// - Parameters:
    ///   - host: A host name, an IPv4 address, or an IPv6 address without brackets; empty if a port is given.
    ///   - port: From 0 to 65535.
    ///   - field: What an error calls the address.
    /// - Throws: A ``ValidationError`` that says what is wrong.
    public init(host: String, port: Int? = nil, field: String = "address") throws(ValidationError) {
        guard !host.isEmpty || port != nil else {
            throw ValidationError(field: field, message: "\"\" names neither a host nor a port")
        }
        if let port, !(0...65535).contains(port) {
            throw ValidationError(field: field, message: "the port \(port) is not from 0 to 65535", limit: 65535)
        }
        if !host.isEmpty {
            do throws(ValidationError) {
                try Endpoint.check(host: host)
            } catch {
                throw ValidationError(field: field, message: error.message, limit: error.limit)
            }
        }
        self.host = host
        self.port = port
    }

    /// The address of an endpoint.
    ///
    /// - Parameter endpoint: An endpoint with a host, which `unix` has not.
    /// - Throws: A ``ValidationError`` for the field `endpoint`.
    public init(_ endpoint: Endpoint) throws(ValidationError) {
        guard !endpoint.host.isEmpty else {
            throw ValidationError(field: "endpoint", message: "\(endpoint) is a path of this machine and has no port")
        }
        self.host = endpoint.host
        self.port = endpoint.port
    }

    /// The address that a socket has.
    init(_ address: SocketAddress) {
        self.host = address.host
        self.port = address.port
    }

    /// The port that a text names: that of `:5454`, of `db.internal:5432` or of `http://[::1]/x`.
    ///
    /// - Parameters:
    ///   - text: What ``init(_:field:)`` reads.
    ///   - field: What an error calls the address.
    /// - Returns: The port; for a URL without one the usual port of its scheme.
    /// - Throws: A ``ValidationError`` for a text that is no address or names no port.
    public static func port(of text: some StringProtocol, field: String = "address") throws(ValidationError) -> Int {
        guard let port = try HostAndPort(text, field: field).port else {
            throw ValidationError(field: field, message: "\(text.quotedForDisplay) names no port")
        }
        return port
    }
}

extension HostAndPort: CustomStringConvertible {
    /// The text form; brackets stand around an IPv6 address that a port follows.
    public var description: String {
        guard let port = self.port else { return self.host }
        return self.host.utf8.contains(UInt8(ascii: ":")) ? "[\(self.host)]:\(port)" : "\(self.host):\(port)"
    }
}
