import HTTPEngine
public import Rollcall

/// A request of one service to another, over HTTP.
public struct ServiceRequest: Hashable, Sendable {
    /// The method, such as `GET`.
    public let method: String
    /// The path and, behind a `?`, the query; percent-encoded, beginning with `/`.
    public let target: String
    /// The header fields, but those that frame the message.
    public var fields: [MessageField]
    /// The body.
    public var body: [UInt8]

    /// Creates a request.
    ///
    /// - Parameters:
    ///   - target: The path and, behind a `?`, the query; percent-encoded, beginning with `/`.
    ///   - method: A token in capitals; `GET` by default.
    ///   - fields: The header fields.
    ///   - body: The body.
    /// - Throws: A ``Rollcall/ValidationError`` for the field `method` or `target`.
    public init(
        _ target: String,
        method: String = "GET",
        fields: [MessageField] = [],
        body: [UInt8] = []
    ) throws(ValidationError) {
        guard MessageField.isToken(method), !["CONNECT", "TRACE"].contains(method.uppercased()) else {
            throw ValidationError(
                field: "method",
                message: "\(method.quotedForDisplay) is not a method that can be sent"
            )
        }
        guard target.hasPrefix("/"), target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") })
        else {
            throw ValidationError(
                field: "target",
                message:
                    "\(target.quotedForDisplay) must begin with / and have spaces and letters beyond ASCII encoded as %20"
            )
        }
        self.init(unchecked: method, target, fields: fields, body: body)
    }

    /// Takes what was received.
    package init(unchecked method: String, _ target: String, fields: [MessageField], body: [UInt8]) {
        self.method = method
        self.target = target
        self.fields = fields
        self.body = body
    }

    /// The target up to the query, percent-encoded.
    public var path: String { String(self.target.prefix { $0 != "?" }) }

    /// Whether repeating it does no more than one (RFC 9110 section 9.2.2).
    public var isIdempotent: Bool { HTTPClient.isIdempotent(self.method) }

    /// The first value of a parameter of the query, decoded; `nil` when there is none.
    ///
    /// - Throws: A ``Rollcall/ValidationError`` for a query that is malformed.
    public func parameter(_ name: String) throws(ValidationError) -> String? {
        try Query(self.target.drop { $0 != "?" }.dropFirst())[name]
    }
}
