import HTTPEngine
import Rollcall

/// Calls of the hub's API, with errors as the contract wants them.
struct HubCalls: Sendable {
    let client: HTTPClient
    let origins: HubOrigins
    let namespace: Namespace
    let timeout: Duration

    /// The path of a service.
    static func path(_ service: ServiceName) -> String {
        "/v1/services/\(PercentEncoding.encode(service.text))"
    }

    /// The path of an instance.
    static func path(_ service: ServiceName, _ id: InstanceID) -> String {
        "\(self.path(service))/instances/\(PercentEncoding.encode(id.text))"
    }

    /// A path with its query, the namespace among it.
    func target(_ path: String, _ query: [(String, String)] = []) -> String {
        let items = self.namespace == .default ? query : [("ns", self.namespace.text)] + query
        guard !items.isEmpty else { return path }
        return path + "?" + items.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
    }

    /// Sends a call and returns its answer, if that is one of success.
    ///
    /// - Parameters:
    ///   - method: Its method.
    ///   - path: Its path.
    ///   - operation: What errors name.
    ///   - key: What errors name.
    ///   - query: Its query, without the namespace.
    ///   - secret: The secret of the lease that it is about.
    ///   - fields: Further header fields; a content type among them says what the body is, else it is JSON.
    ///   - body: Its body.
    ///   - limit: How long it may take; by default as long as any call.
    ///   - place: Which hub is asked; by default the one that answered last, or the next.
    /// - Returns: The answer.
    /// - Throws: A ``BackendError``.
    func send(
        _ method: String,
        _ path: String,
        _ operation: String,
        key: String?,
        query: [(String, String)] = [],
        secret: String? = nil,
        fields: [Problem.Header] = [],
        body: [UInt8] = [],
        within limit: Duration? = nil,
        at place: Origin? = nil
    ) async throws(BackendError) -> HTTPClient.Response {
        var fields = fields
        if let secret { fields.append(Problem.Header("Rollcall-Lease", secret)) }
        if !body.isEmpty, !fields.contains(where: { $0.name == "Content-Type" }) {
            fields.append(Problem.Header("Content-Type", "application/json"))
        }
        do throws(BackendError) {
            return try await self.send(within: limit ?? self.timeout, at: place) { origin in
                HTTPClient.Request(method, self.target(path, query), at: origin, fields: fields, body: body)
            }
        } catch {
            throw Self.placing(error, operation, key)
        }
    }

    /// Sends a request to the hub that answered last, and to the next where that one cannot have carried it out.
    private func send(
        within limit: Duration,
        at place: Origin?,
        _ request: (Origin) -> HTTPClient.Request
    ) async throws(BackendError) -> HTTPClient.Response {
        let deadline = self.client.clock.now.advanced(by: limit)
        var left = place == nil ? self.origins.all.count : 1
        while true {
            guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            let origin = place ?? self.origins.current
            let request = request(origin)
            // A hub that hangs must leave time for the next, which is not asked to change anything twice.
            let share = self.client.clock.now.duration(to: deadline) / (request.method == "GET" ? left : 1)
            left -= 1
            do throws(BackendError) {
                let response = try await self.perform(request, within: share)
                guard (200..<300).contains(response.status) else { throw Self.error(of: response.head, response.body) }
                return response
            } catch {
                guard Self.isOfHub(error), place == nil else { throw error }
                self.origins.leave(origin)
                guard left > 0, error.applied == .no || request.method == "GET" else { throw error }
            }
        }
    }

    /// Whether another hub may do better: this one is away, hangs, or has lost its engine.
    static func isOfHub(_ error: BackendError) -> Bool { error.code == .unavailable || error.code == .timeout }

    /// Renews a lease and returns its time-to-live.
    func renew(_ token: LeaseToken) async throws(BackendError) -> Duration {
        let path = Self.path(token.service, token.id) + "/lease"
        let answer = try await self.send("PUT", path, "renew", key: token.id.text, secret: token.secret)
        return try Self.reading("renew", token.id.text) { () throws(ValidationError) in
            try Duration(text: try Self.document(answer.body)["ttl"] ?? "", field: "ttl")
        }
    }

    private func perform(
        _ request: HTTPClient.Request,
        within limit: Duration
    ) async throws(BackendError) -> HTTPClient.Response {
        do throws(ConnectionError) {
            return try await self.client.send(request, within: limit)
        } catch {
            throw Self.error(of: error, mayHaveArrived: request.method != "GET")
        }
    }

    /// What a broken connection means to a caller.
    static func error(of error: ConnectionError, mayHaveArrived: Bool) -> BackendError {
        let applied: BackendError.Applied = mayHaveArrived ? .unknown : .no
        guard !Task.isCancelled else {
            return BackendError(.cancelled, "the task was cancelled", applied: applied)
        }
        return switch error.kind {
        case .refused: BackendError(.unavailable, error.message)
        case .timeout: BackendError(.timeout, error.message, applied: applied)
        case .closed, .broken: BackendError(.unavailable, error.message, applied: applied)
        case .malformed: BackendError(.protocolViolation, error.message, applied: applied)
        case .untrusted: BackendError(.unauthenticated, error.message, applied: applied)
        }
    }

    /// What an answer that is no success means: the problem that it carries.
    static func error(of head: ResponseHead, _ body: [UInt8]) -> BackendError {
        let document = (try? self.document(body)) ?? [:]
        // Only the caller's own task can be cancelled, which a hub knows nothing of.
        guard let code = document["code"].flatMap(BackendError.Code.init(named:)), code != .cancelled else {
            return BackendError(
                head.status == 503 || head.status == 502 ? .unavailable : .protocolViolation,
                "the answer has status \(head.status) and names no cause; is that address a hub?",
                applied: .unknown
            )
        }
        var error = BackendError(code, document["detail"] ?? "no detail is given")
        error.currentRevision = document["currentRevision"]
        error.limit = Self.limit(in: body)
        if document["applied"] == "unknown" { error.applied = .unknown }
        return error
    }

    /// The limit that a problem names.
    private static func limit(in body: [UInt8]) -> Int? {
        var limit: Int?
        var reader = JSONReader(body)
        try? reader.object { (reader, name) throws(ValidationError) in
            if name == "limit" { limit = try reader.integer() } else { try reader.skip() }
        }
        return limit
    }

    /// The secret and time-to-live of an answer to a registration.
    static func lease(in body: [UInt8]) throws(BackendError) -> (secret: String, ttl: Duration, visibleID: InstanceID?)
    {
        try self.reading("register", nil) { () throws(ValidationError) in
            var lease: [String: String] = [:]
            var id: String?
            var reader = JSONReader(body)
            try reader.object { (reader, name) throws(ValidationError) in
                switch name {
                case "lease": lease = try self.texts(from: &reader)
                case "instance": id = try self.texts(from: &reader)["id"]
                default: try reader.skip()
                }
            }
            guard let secret = lease["secret"] else { throw ValidationError(field: "lease", message: "is missing") }
            return (
                secret, try Duration(text: lease["ttl"] ?? "", field: "lease.ttl"),
                try id.map { (text) throws(ValidationError) in try InstanceID(text) }
            )
        }
    }

    /// A text of an answer's document.
    static func text(_ name: String, in body: [UInt8]) throws(ValidationError) -> String? {
        try self.document(body)[name]
    }

    /// Whether a hub's status says that it can be read and takes changes, how many instances its guard keeps, and what it can.
    ///
    /// One that does not tell is taken to take changes, to have no guard, and to have a store of its own.
    static func status(
        _ body: [UInt8]
    ) -> (isReadable: Bool, isWritable: Bool, held: Int?, capabilities: CapabilityDocument) {
        var capabilities = CapabilityDocument.ownStore
        var (isReadable, isWritable, held) = (true, true, Int?.none)
        var reader = JSONReader(body)
        try? reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "writable": isWritable = try reader.boolean()
            case "guard": held = try self.heldCount(&reader)
            case "capabilities": capabilities = try CapabilityDocument(from: &reader)
            case "backend":
                // What stands behind the hub, where it keeps nothing itself.
                try reader.object { (reader, name) throws(ValidationError) in
                    if name == "canRead" { isReadable = try reader.boolean() } else { try reader.skip() }
                }
            default: try reader.skip()
            }
        }
        return (isReadable, isWritable, held, capabilities)
    }

    private static func heldCount(_ reader: inout JSONReader) throws(ValidationError) -> Int {
        var count = 0
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "held" else { return try reader.skip() }
            try reader.array { (reader) throws(ValidationError) in
                try reader.object { (reader, name) throws(ValidationError) in
                    if name == "instances" { count &+= try reader.integer() } else { try reader.skip() }
                }
            }
        }
        return count
    }

    /// Reads an answer, which is at fault if that fails.
    static func reading<Value>(
        _ operation: String,
        _ key: String?,
        _ read: () throws(ValidationError) -> Value
    ) throws(BackendError) -> Value {
        do throws(ValidationError) {
            return try read()
        } catch {
            let fault = BackendError(.protocolViolation, "the hub's answer cannot be read", cause: error)
            throw self.placing(fault, operation, key)
        }
    }

    private static func placing(_ error: BackendError, _ operation: String, _ key: String?) -> BackendError {
        var error = error
        error.backend = HubBackend.name
        error.operation = operation
        error.key = key
        return error
    }

    /// The members of a document that are texts.
    private static func document(_ body: [UInt8]) throws(ValidationError) -> [String: String] {
        var reader = JSONReader(body)
        let texts = try self.texts(from: &reader)
        try reader.end()
        return texts
    }

    private static func texts(from reader: inout JSONReader) throws(ValidationError) -> [String: String] {
        var texts: [String: String] = [:]
        try reader.object { (reader, name) throws(ValidationError) in
            if try reader.isString() { texts[name] = try reader.string() } else { try reader.skip() }
        }
        return texts
    }
}
