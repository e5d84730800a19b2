import HTTPEngine
import Rollcall
import RollcallFormats

extension FrontAPI {
    /// The engine's configuration.
    ///
    /// - Throws: `unsupported` where the engine has none.
    private func config(of space: FrontSpace) throws(BackendError) -> FrontConfig {
        guard let config = space.config else { throw self.unsupported("configuration is", space) }
        return config
    }

    /// The keys.
    func configs(_ request: HubRequest, _ space: FrontSpace) async throws {
        try request.checkQuery("prefix")
        let keys = try await self.config(of: space).engine.keys(under: request.query["prefix"] ?? "")
        request.respond(json: ConfigDocuments.entries(keys))
    }

    /// Operations on one key.
    func config(_ path: ConfigRoute, _ request: HubRequest, _ space: FrontSpace) async throws {
        let engine = try self.config(of: space).engine
        switch (path.operation, request.method) {
        case (.entry, "PUT"): try await self.write(path.key, request, engine)
        case (.entry, "DELETE"):
            try request.checkQuery()
            let expectation = try request.expectation()
            let isDeleted = try await HubAPI.precondition(expectation) { () throws(BackendError) in
                try await engine.delete(path.key, expecting: expectation)
            }
            request.respond(json: Array("{\"deleted\":\(isDeleted)}".utf8))
        case (.entry, _):
            try request.checkQuery()
            guard let entry = try await engine.entry(for: path.key) else { throw HubAPI.absent(path.key) }
            request.respond(with: entry)
        case (.history, _), (.version, _), (.rollback, _): throw self.unsupported("the history of keys is", space)
        case (.candidate, _), (.promotion, _), (.readers, _): throw self.unsupported("gray release is", space)
        }
    }

    private func write(_ key: ConfigKey, _ request: HubRequest, _ engine: any ConfigBackend) async throws {
        try request.checkQuery()
        var draft = try await request.draft()
        draft.writeID = try request.writeID()?.text
        try ConfigReader.all.checkForStoring(draft.content, key: key)
        let expectation = try request.expectation()
        let entry = try await HubAPI.precondition(expectation) { [draft] () throws(BackendError) in
            try await engine.write(draft, to: key, expecting: expectation)
        }
        request.respond(headers: HubAPI.headers(of: entry), json: ConfigDocuments.summary(entry.summary))
    }

    /// Several changes, all or none.
    func configBatch(_ request: HubRequest, _ space: FrontSpace) async throws {
        try request.checkQuery()
        guard let engine = try self.config(of: space).engine as? any ConfigBatchBackend else {
            throw self.unsupported("several changes at once are", space)
        }
        var changes = try await request.json(limit: 16 << 20) { (reader) throws(ValidationError) in
            try ConfigDocuments.changes(from: &reader)
        }
        let write = try request.writeID()?.text
        for index in changes.indices {
            guard case .write(var draft) = changes[index].action else { continue }
            try ConfigReader.all.checkForStoring(draft.content, key: changes[index].key)
            draft.writeID = write
            changes[index] = ConfigChange(changes[index].key, .write(draft), expecting: changes[index].expectation)
        }
        let entries: [ConfigEntry?]
        do throws(BackendError) {
            entries = try await engine.apply(changes)
        } catch {
            // With a key, one content is too large; else all together are, for a transaction of this engine.
            guard error.code == .tooLarge, error.key == nil, changes.count > 1 else { throw error }
            throw Self.beyondTransaction(error, space)
        }
        request.respond(json: ConfigDocuments.items(changes, entries.map { ($0, $0 == nil) }))
    }

    private static func beyondTransaction(_ error: BackendError, _ space: FrontSpace) -> BackendError {
        var refusal = BackendError(
            .unsupported,
            "\(space.engine.name) cannot make so many changes at once: \(error.message)"
        )
        refusal.limit = error.limit
        return refusal
    }

    /// A stream of server-sent events about configuration.
    func configWatch(_ request: HubRequest, _ space: FrontSpace) async throws {
        let wish = try await request.configWatchWish(epoch: self.hub.epoch)
        let config = try self.config(of: space)
        guard wish.prefixes.isEmpty else {
            throw self.unsupported("streams of prefixes, not of single keys, are", space)
        }
        try space.checkPresent()
        let holds = try await config.follow(wish.keys)
        defer { config.release(holds) }
        try await ConfigStream(source: config, namespace: request.namespace, wish: wish)
            .run(request.exchange) { try config.check(holds) }
    }
}
