import HTTPEngine
public import Rollcall

extension HubBackend: ConfigHistoryBackend, ConfigBatchBackend {
    /// What the hub takes in one batch: this many changes, and this many bytes of JSON.
    private static let maximumChanges = 1024
    private static let maximumBatchBytes = 16 << 20

    /// See ``ConfigBackend/entry(for:)``.
    public func entry(for key: ConfigKey) async throws(BackendError) -> ConfigEntry? {
        try await self.read(HubCalls.path(key), key, "read")
    }

    /// See ``ConfigBackend/write(_:to:expecting:)``.
    ///
    /// When the answer is lost, the write is sent again under the same name, by which the hub knows what it has made.
    public func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        try self.check([ConfigChange(key, .write(draft))])
        var fields = HubCalls.fields(of: expectation)
        fields.append(Problem.Header("Content-Type", draft.content.format.mediaType))
        if let version = draft.version { fields.append(Problem.Header("Rollcall-Version", "\(version)")) }
        if !draft.name.isEmpty { fields.append(Problem.Header("Rollcall-Name", PercentEncoding.encode(draft.name))) }
        let answer = try await self.change("PUT", HubCalls.path(key), "write", key, fields, draft.content.bytes)
        return try HubCalls.reading("write", key.text) { () throws(ValidationError) in
            try ConfigDocument(json: answer.body).entry(key, content: draft.content)
        }
    }

    /// See ``ConfigBackend/delete(_:expecting:)``.
    @discardableResult
    public func delete(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> Bool {
        let fields = HubCalls.fields(of: expectation)
        let answer = try await self.change("DELETE", HubCalls.path(key), "delete", key, fields, [])
        return try HubCalls.reading("delete", key.text) { () throws(ValidationError) in
            try ConfigDocument(json: answer.body).isDeleted
        }
    }

    /// See ``ConfigBackend/keys(under:)``.
    public func keys(under prefix: String) async throws(BackendError) -> [ConfigSummary] {
        let query = prefix.isEmpty ? [] : [("prefix", prefix)]
        let answer = try await self.calls.send("GET", "/v1/config", "keys", key: nil, query: query)
        return try HubCalls.reading("keys", nil) { () throws(ValidationError) in
            try ConfigDocument.list("entries", in: answer.body).map { (document) throws(ValidationError) in
                try document.summary()
            }
        }
    }

    /// See ``ConfigBackend/watch(_:deliver:)``.
    public func watch(
        _ key: ConfigKey,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        try await self.follow(key, as: nil, deliver: deliver)
    }

    /// See ``ConfigHistoryBackend/history(of:)``.
    public func history(of key: ConfigKey) async throws(BackendError) -> [ConfigHistoryItem] {
        let path = HubCalls.path(key) + "/history"
        let answer = try await self.calls.send("GET", path, "history", key: key.text)
        return try HubCalls.reading("history", key.text) { () throws(ValidationError) in
            try ConfigDocument.list("states", in: answer.body).map { (document) throws(ValidationError) in
                ConfigHistoryItem(try document.summary(), isDeletion: document.isDeleted)
            }
        }
    }

    /// See ``ConfigHistoryBackend/entry(for:version:)``.
    public func entry(for key: ConfigKey, version: Int64) async throws(BackendError) -> ConfigEntry? {
        try await self.read(HubCalls.path(key) + "/history/\(version)", key, "read")
    }

    /// See ``ConfigHistoryBackend/rollBack(_:to:expecting:)``.
    public func rollBack(
        _ key: ConfigKey,
        to version: Int64,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        let path = HubCalls.path(key) + "/rollback"
        let fields = HubCalls.fields(of: expectation)
        let query = [("to", "\(version)")]
        let answer = try await self.change("POST", path, "roll back", key, fields, [], query: query)
        return try await self.stored(key, answer.body, "roll back")
    }

    /// See ``ConfigBatchBackend/apply(_:)``.
    public func apply(_ changes: [ConfigChange]) async throws(BackendError) -> [ConfigEntry?] {
        try self.check(changes)
        let body = ConfigDocument.batch(changes)
        guard body.count <= Self.maximumBatchBytes else {
            var error = BackendError(
                .tooLarge,
                "the batch has \(body.count) bytes, and at most \(Self.maximumBatchBytes) are taken at once",
                backend: self.name,
                operation: "batch"
            )
            error.limit = Self.maximumBatchBytes
            throw error
        }
        let answer = try await self.change("POST", "/v1/config-batch", "batch", nil, [], body)
        return try HubCalls.reading("batch", nil) { () throws(ValidationError) in
            let documents = try ConfigDocument.list("results", in: answer.body)
            guard documents.count == changes.count else {
                throw ValidationError(field: "results", message: "has \(documents.count) of \(changes.count)")
            }
            return try zip(changes, documents).map { (change, document) throws(ValidationError) in
                guard case .write(let draft) = change.action else { return nil }
                return try document.entry(change.key, content: draft.content)
            }
        }
    }

    func check(_ changes: [ConfigChange]) throws(BackendError) {
        do throws(BackendError) {
            try changes.check(limit: self.configCapabilities.maximumBytes, maximumCount: Self.maximumChanges)
        } catch {
            var error = error
            error.backend = self.name
            throw error
        }
    }

    func read(
        _ path: String,
        _ key: ConfigKey,
        _ operation: String,
        fields: [Problem.Header] = []
    ) async throws(BackendError) -> ConfigEntry? {
        do throws(BackendError) {
            let answer = try await self.calls.send("GET", path, operation, key: key.text, fields: fields)
            return try HubCalls.reading(operation, key.text) { () throws(ValidationError) in
                try ConfigEntry(key, head: answer.head, body: answer.body)
            }
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// Sends a change, and again when its answer is lost: the hub knows it by its name.
    func change(
        _ method: String,
        _ path: String,
        _ operation: String,
        _ key: ConfigKey?,
        _ fields: [Problem.Header],
        _ body: [UInt8],
        query: [(String, String)] = []
    ) async throws(BackendError) -> HTTPClient.Response {
        let name = Problem.Header("Rollcall-Write-Id", RandomText.hexadecimal(words: 2))
        var generator = SplitMix64()
        var attempt = 0
        var isLost = false
        while true {
            do throws(BackendError) {
                return try await self.calls.send(
                    method,
                    path,
                    operation,
                    key: key?.text,
                    query: query,
                    fields: fields + [name],
                    body: body
                )
            } catch {
                var error = error
                attempt += 1
                isLost = isLost || error.applied == .unknown
                // An answer of the hub settles what became of the attempts before it; a hub that is away does not.
                if isLost, RetryTable.allowsRetry(after: error, isIdempotent: true) || error.code == .cancelled {
                    error.applied = .unknown
                }
                // Of several hubs in front of an engine none remembers: the record alone tells, and others may have changed it.
                if isLost, self.calls.origins.all.count > 1, error.code == .conflict || error.code == .notFound {
                    error.applied = .unknown
                    throw error
                }
                guard error.applied == .unknown, error.code != .cancelled, attempt < 3 else { throw error }
                let pause = Backoff.background.pause(before: attempt, using: &generator)
                guard (try? await self.clock.pause(for: pause)) != nil else { throw error }
            }
        }
    }
}

extension HubCalls {
    /// The path of a key, whose slashes are kept.
    ///
    /// What looks like an operation at its end is sent so that it does not.
    static func path(_ key: ConfigKey) -> String {
        let segments = key.text.split(separator: "/", omittingEmptySubsequences: false).map {
            PercentEncoding.encode(String($0))
        }
        let operations: Set<String> = ["history", "rollback", "candidate", "promote", "readers"]
        guard segments.count > 1 else { return "/v1/config/" + segments.joined() }
        let isAmbiguous =
            segments.last.map { operations.contains($0) } == true
            || segments.dropLast().last == "history"
        return "/v1/config/" + segments.joined(separator: isAmbiguous ? "%2F" : "/")
    }

    /// What must be stored, as header fields.
    static func fields(of expectation: ConfigExpectation) -> [Problem.Header] {
        switch expectation {
        case .any: []
        case .absent: [Problem.Header("If-None-Match", "*")]
        case .revision(let revision): [Problem.Header("If-Match", "\"\(revision)\"")]
        }
    }
}
