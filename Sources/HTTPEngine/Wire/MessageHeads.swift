/// What a request begins with.
package struct RequestHead: Sendable {
    /// The method as it was written.
    package var method: String
    /// The target as it was written: a path with its query, in a proxy's case more.
    package var target: String
    /// Whether it is HTTP/1.0.
    package var isVersion10 = false
    /// The fields.
    package var fields: HeaderFields

    /// Creates a head.
    package init(method: String, target: String, fields: HeaderFields = HeaderFields()) {
        self.method = method
        self.target = target
        self.fields = fields
    }

    /// The target up to the query.
    package var path: Substring { self.target.prefix { $0 != "?" } }

    /// What stands behind the first `?` of the target, or nothing.
    package var query: Substring {
        guard let mark = self.target.utf8.firstIndex(of: UInt8(ascii: "?")) else { return "" }
        return self.target[self.target.utf8.index(after: mark)...]
    }

    /// Whether the connection may carry another request afterwards, as the sender wishes.
    package var keepsAlive: Bool {
        !self.fields.lists("close", in: .connection)
            && (!self.isVersion10 || self.fields.lists("keep-alive", in: .connection))
    }
}

/// What a response begins with.
package struct ResponseHead: Sendable {
    /// The status.
    package var status: Int
    /// The words behind the status, which mean nothing.
    package var reason: String
    /// Whether it is HTTP/1.0.
    package var isVersion10 = false
    /// The fields.
    package var fields: HeaderFields

    /// Creates a head.
    package init(status: Int, reason: String? = nil, fields: HeaderFields = HeaderFields()) {
        self.status = status
        self.reason = reason ?? Self.reason(of: status)
        self.fields = fields
    }

    /// Whether the connection may carry another request afterwards, as the sender wishes.
    package var keepsAlive: Bool {
        !self.fields.lists("close", in: .connection)
            && (!self.isVersion10 || self.fields.lists("keep-alive", in: .connection))
    }

    /// The usual words for a status.
    package static func reason(of status: Int) -> String {
        self.reasons[status] ?? "Status"
    }

    private static let reasons: [Int: String] = [
        100: "Continue", 101: "Switching Protocols", 200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
        301: "Moved Permanently", 302: "Found", 304: "Not Modified", 307: "Temporary Redirect", 400: "Bad Request",
        401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
        409: "Conflict", 412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long",
        415: "Unsupported Media Type", 417: "Expectation Failed", 429: "Too Many Requests",
        431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
        502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
        507: "Insufficient Storage",
    ]
}

/// A message that breaks the rules of RFC 9112, or a limit.
package struct MessageError: Error, Hashable, CustomStringConvertible {
    /// The status that answers such a request.
    package let status: Int
    /// Which rule is broken.
    package let description: String

    init(_ status: Int = 400, _ description: String) {
        self.status = status
        self.description = description
    }
}
