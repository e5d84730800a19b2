import HTTPEngine
import Rollcall

extension HubAPI {
    /// The keys.
    func configs(_ request: HubRequest) throws {
        try request.checkQuery("prefix")
        let summaries = self.store.config.summaries(
            in: request.namespace,
            under: request.query["prefix"] ?? ""
        )
        request.respond(json: ConfigDocuments.entries(summaries))
    }

    /// Operations on one key.
    func config(_ path: ConfigRoute, _ request: HubRequest) async throws {
        let place = ConfigTable.Place(namespace: request.namespace, key: path.key)
        switch (path.operation, request.method) {
        case (.entry, "PUT"): try await self.write(place, request)
        case (.entry, "DELETE"): try await self.delete(place, request)
        case (.entry, _):
            try request.checkQuery()
            let instance = try request.instance()
            guard let entry = self.store.config.entry(at: place, for: instance) else { throw Self.absent(path.key) }
            request.respond(with: entry)
        case (.history, _):
            try request.checkQuery()
            request.respond(json: ConfigDocuments.history(try await self.store.config.history(at: place)))
        case (.version(let version), _):
            try request.checkQuery()
            guard let entry = try await self.store.config.entry(at: place, version: version) else {
                throw BackendError(.notFound, "version \(version) is not kept, never was, or was a deletion")
            }
            request.respond(with: entry)
        case (.rollback, _): try await self.rollBack(place, request)
        case (.candidate, _), (.promotion, _): try await self.candidate(place, path.operation, request)
        case (.readers, _):
            try request.checkQuery()
            request.respond(json: self.readers.json(of: place, self.store.config))
        }
    }

    /// Several changes, all or none.
    func configBatch(_ request: HubRequest) async throws {
        try request.checkQuery()
        let changes = try await request.json(limit: 16 << 20) { (reader) throws(ValidationError) in
            try ConfigDocuments.changes(from: &reader)
        }
        let items = try await self.store.config.apply(
            changes,
            in: request.namespace,
            as: try request.writeID()
        )
        request.respond(
            json: ConfigDocuments.items(
                changes,
                items.map { item in
                    (item.flatMap { $0.isDeletion ? nil : $0.entry }, item != nil)
                }
            )
        )
    }

    private func write(_ place: ConfigTable.Place, _ request: HubRequest) async throws {
        try request.checkQuery()
        let draft = try await request.draft()
        let expectation = try request.expectation()
        let change = ConfigChange(place.key, .write(draft), expecting: expectation)
        let items = try await Self.precondition(expectation) { () throws(BackendError) in
            try await self.store.config.apply([change], in: place.namespace, as: try request.writeID())
        }
        guard let entry = items[0]?.entry else { throw Self.absent(place.key) }
        request.respond(headers: Self.headers(of: entry), json: ConfigDocuments.summary(entry.summary))
    }

    private func delete(_ place: ConfigTable.Place, _ request: HubRequest) async throws {
        try request.checkQuery()
        let expectation = try request.expectation()
        let change = ConfigChange(place.key, .delete, expecting: expectation)
        let items = try await Self.precondition(expectation) { () throws(BackendError) in
            try await self.store.config.apply([change], in: place.namespace, as: try request.writeID())
        }
        request.respond(json: Array("{\"deleted\":\(items[0] != nil)}".utf8))
    }

    private func rollBack(_ place: ConfigTable.Place, _ request: HubRequest) async throws {
        try request.checkQuery("to")
        guard let version = try request.number("to").flatMap({ Int64(exactly: $0) }) else {
            throw ValidationError(field: "to", message: "the version to go back to must be given")
        }
        let expectation = try request.expectation()
        let entry = try await Self.precondition(expectation) { () throws(BackendError) in
            try await self.store.config.rollBack(
                at: place,
                to: version,
                expecting: expectation,
                as: try request.writeID()
            )
        }
        request.respond(headers: Self.headers(of: entry), json: ConfigDocuments.summary(entry.summary))
    }

    static func headers(of entry: ConfigEntry) -> [Problem.Header] {
        var headers = [
            Problem.Header("ETag", "\"\(entry.revision)\""),
            Problem.Header("Rollcall-Version", "\(entry.version)"),
        ]
        if !entry.name.isEmpty { headers.append(Problem.Header("Rollcall-Name", PercentEncoding.encode(entry.name))) }
        if let date = entry.modifiedAt, let milliseconds = Timestamp.milliseconds(of: date) {
            headers.append(Problem.Header("Rollcall-Modified-At", Timestamp.text(milliseconds)))
        }
        return headers
    }

    static func absent(_ key: ConfigKey) -> BackendError {
        BackendError(.notFound, "nothing is stored under \(key.text.quotedForDisplay)", key: key.text)
    }

    /// Runs what has a precondition: one that fails has a status of its own (RFC 9110 section 15.5.13).
    static func precondition<Value>(
        _ expectation: ConfigExpectation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as BackendError where error.code == .conflict || error.code == .notFound {
            let isMet: Bool
            switch expectation {
            case .any: isMet = true
            case .absent: isMet = error.currentRevision == nil
            case .revision(let revision): isMet = error.currentRevision == revision.text
            }
            guard !isMet else { throw error }
            var problem = Problem(error)
            problem.status = 412
            throw problem
        }
    }
}
