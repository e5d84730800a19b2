import HTTPEngine
import Rollcall

/// A request of the hub's API: what all of its operations ask of one.
struct HubRequest {
    /// The greatest size of a body that describes one instance: its limit, and room for blanks and unknown fields.
    private static let bodyLimit = ServiceInstance.maximumEncodedBytes * 4

    let exchange: HTTPExchange
    let query: Query
    let namespace: Namespace

    /// Reads what every request may carry.
    ///
    /// - Throws: A ``ValidationError`` for a bad query or namespace.
    init(_ exchange: HTTPExchange) throws(ValidationError) {
        self.exchange = exchange
        self.query = try Query(exchange.head.query)
        let name = self.query["ns"] ?? exchange.head.fields.first("rollcall-namespace")
        do throws(ValidationError) {
            self.namespace = if let name { try Namespace(name) } else { .default }
        } catch {
            throw ValidationError(field: "ns", message: error.message, limit: error.limit)
        }
    }

    var method: String { self.exchange.head.method }

    /// The secret of the lease that the caller holds.
    func secret() throws(ValidationError) -> String? {
        guard let secret = self.exchange.head.fields.first("rollcall-lease") else { return nil }
        try Self.check(secret: secret, field: "Rollcall-Lease")
        return secret
    }

    /// The most bytes that a secret may have; the hub's own have 32, one that is sealed for an engine about 100, and up to
    /// 450 where it has a host's name in it.
    static let longestSecret = 512

    /// Checks the length of a secret, whoever made it up.
    static func check(secret: String, field: String) throws(ValidationError) {
        let limit = Self.longestSecret
        guard (1...limit).contains(secret.utf8.count) else {
            throw ValidationError(field: field, message: "must have 1 to \(limit) characters", limit: limit)
        }
    }

    /// The secret of the lease that the operation is about.
    func requiredSecret() throws(ValidationError) -> String {
        guard let secret = try self.secret() else {
            throw ValidationError(
                field: "Rollcall-Lease",
                message: "the secret that the registration was answered with must be sent in this header"
            )
        }
        return secret
    }

    /// Checks that the query has nothing that the operation does not know, and nothing twice that has one value.
    ///
    /// - Parameters:
    ///   - known: What the operation knows beside the namespace.
    ///   - repeatable: What of that may be given more than once.
    /// - Throws: A ``ValidationError`` that names the parameter.
    func checkQuery(_ known: String..., repeatable: Set<String> = []) throws(ValidationError) {
        try self.query.check {
            $0 == "ns" || known.contains($0) || $0.hasPrefix("metadata.") && known.contains("metadata.")
        }
        var seen: Set<String> = []
        for (name, _) in self.query.items where !repeatable.contains(name) && !seen.insert(name).inserted {
            throw ValidationError(field: name, message: "may be given once")
        }
    }

    /// A duration of the query.
    func duration(_ name: String, default fallback: Duration) throws(ValidationError) -> Duration {
        guard let text = self.query[name] else { return fallback }
        return try Duration(text: text, field: name)
    }

    /// A whole number of the query.
    func number(_ name: String) throws(ValidationError) -> UInt64? {
        guard let text = self.query[name] else { return nil }
        guard let number = UInt64(text) else {
            throw ValidationError(field: name, message: "\(text.quotedForDisplay) is not a whole number")
        }
        return number
    }

    /// A yes or no of the query; no where it is absent.
    func boolean(_ name: String) throws(ValidationError) -> Bool {
        switch self.query[name] {
        case nil, "false": return false
        case "true": return true
        case let text?: throw ValidationError(field: name, message: "\(text.quotedForDisplay) is not true or false")
        }
    }

    /// Reads the body, which is one JSON document.
    ///
    /// - Parameters:
    ///   - limit: The most bytes.
    ///   - read: Reads the document.
    /// - Returns: What `read` returns.
    /// - Throws: A ``Problem`` with status 413, 415 or 400.
    func json<Value>(
        limit: Int = Self.bodyLimit,
        _ read: (inout JSONReader) throws(ValidationError) -> Value
    ) async throws -> Value {
        if let type = self.exchange.head.fields.first("content-type") {
            let media = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
            // What `curl -d` says of any body is no claim.
            guard
                ["application/json", "application/x-www-form-urlencoded", "application/merge-patch+json"]
                    .contains(media)
            else {
                throw Problem(
                    status: 415,
                    code: .invalidArgument,
                    "\(type.quotedForDisplay) is not application/json",
                    field: "Content-Type"
                )
            }
        }
        let bytes = try await self.exchange.readBody(limit: limit)
        guard !bytes.isEmpty else { throw ValidationError(field: "", message: "the body is empty; JSON is expected") }
        var reader = JSONReader(bytes)
        let value = try read(&reader)
        try reader.end()
        return value
    }

    /// Whether the caller has the answer with this tag already (RFC 9110 section 13.1.2).
    func holds(tag: String) -> Bool {
        guard let tags = self.exchange.head.fields.first("if-none-match") else { return false }
        return tags.split(separator: ",").contains { text in
            let trimmed = text.drop { $0 == " " }
            return trimmed == "\"\(tag)\"" || trimmed == "W/\"\(tag)\""
        }
    }

    /// Responds with JSON.
    func respond(_ status: Int = 200, headers: [Problem.Header] = [], json: [UInt8]) {
        self.exchange.respond(status, "application/json", headers: headers, body: json)
    }
}
