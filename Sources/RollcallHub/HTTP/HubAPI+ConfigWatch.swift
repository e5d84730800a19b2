import HTTPEngine
import Rollcall

extension HubAPI {
    /// The most keys and prefixes of one stream.
    private static let maximumKeys = 1024

    /// A stream of server-sent events about configuration.
    func configWatch(_ request: HubRequest) async throws {
        var wish: ConfigWatchDocument
        if request.method == "POST" {
            try request.checkQuery()
            wish = try await request.json(limit: 1 << 20) { (reader) throws(ValidationError) in
                try ConfigWatchDocument(from: &reader)
            }
            // Revisions of another epoch mean nothing here.
            if wish.epoch != self.store.epoch { wish.held = [:] }
        } else {
            try request.checkQuery("key", "prefix", repeatable: ["key", "prefix"])
            wish = ConfigWatchDocument()
            for text in request.query.all("key") { wish.keys.insert(try ConfigKey(text)) }
            wish.prefixes = request.query.all("prefix")
            wish.instance = try request.instance()
        }
        let count = wish.keys.count + wish.prefixes.count
        guard (1...Self.maximumKeys).contains(count) else {
            throw ValidationError(
                field: request.method == "POST" ? "keys" : "key",
                message: "a stream is of 1 to \(Self.maximumKeys) keys and prefixes, not of \(count)",
                limit: Self.maximumKeys
            )
        }
        try await ConfigStream(store: self.store, namespace: request.namespace, wish: wish).run(request.exchange)
    }
}

/// The document that asks for a stream:
/// `{"epoch":"…","keys":{"shop/limits":"17"},"prefixes":["shop/"],"instance":{"id":"web-1"}}`.
///
/// The text of a key is the revision that the client has; empty for none, `-` when it knows that nothing is stored.
struct ConfigWatchDocument {
    /// Stands for nothing that is stored.
    static let nothing = ConfigRevision("-")

    var epoch: String?
    var keys: Set<ConfigKey> = []
    var held: [ConfigKey: ConfigRevision] = [:]
    var prefixes: [String] = []
    var instance: ConfigInstance?

    init() {}

    init(from reader: inout JSONReader) throws(ValidationError) {
        var document = ConfigWatchDocument()
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "epoch": document.epoch = try reader.string()
            case "instance": document.instance = try ConfigInstance.read(from: &reader)
            case "prefixes":
                try reader.array { (reader) throws(ValidationError) in document.prefixes.append(try reader.string()) }
            case "keys":
                try reader.object { (reader, text) throws(ValidationError) in
                    let key = try Self.key(text)
                    document.keys.insert(key)
                    let revision = try reader.string()
                    if !revision.isEmpty { document.held[key] = ConfigRevision(revision) }
                }
            default: try reader.skip()
            }
        }
        self = document
    }

    private static func key(_ text: String) throws(ValidationError) -> ConfigKey {
        do throws(ValidationError) {
            return try ConfigKey(text)
        } catch {
            throw ValidationError(field: "", message: error.message, limit: error.limit)
        }
    }
}

/// One open stream: what it is of, and what its client has.
struct ConfigStream {
    let store: HubStore
    let namespace: Namespace
    let wish: ConfigWatchDocument

    /// Sends events until the client closes the stream or the server shuts down.
    ///
    /// - Throws: A ``ConnectionError`` when the client takes nothing for too long.
    func run(_ exchange: HTTPExchange) async throws {
        let interest = ConfigFeed.Interest(
            namespace: self.namespace,
            keys: self.wish.keys,
            prefixes: self.wish.prefixes
        )
        try await self.store.config.state.feed.following(interest) { mailbox in
            try await exchange.whileOpen(end: { mailbox.finish() }) {
                try await exchange.beginStream(
                    200,
                    "text/event-stream",
                    headers: [Problem.Header("Cache-Control", "no-store")]
                )
                var held = self.wish.held
                for key in self.firstKeys() { try await self.send(key, &held, exchange) }
                try await exchange.send(HubEvents.heartbeat)
                while let news = try await mailbox.next() {
                    switch news {
                    case .beat: try await exchange.send(HubEvents.heartbeat)
                    case .key(let key): try await self.send(key, &held, exchange)
                    }
                }
            }
        }
    }

    private func firstKeys() -> [ConfigKey] {
        var keys = self.wish.keys
        for prefix in self.wish.prefixes {
            keys.formUnion(self.store.config.summaries(in: self.namespace, under: prefix).map(\.key))
        }
        return keys.sorted()
    }

    /// Sends what the instance sees under a key, if that is not what its client has.
    private func send(
        _ key: ConfigKey,
        _ held: inout [ConfigKey: ConfigRevision],
        _ exchange: HTTPExchange
    ) async throws(ConnectionError) {
        let place = ConfigTable.Place(namespace: self.namespace, key: key)
        let entry = self.store.config.entry(at: place, for: self.wish.instance)
        let revision = entry?.revision ?? ConfigWatchDocument.nothing
        guard held[key] != revision else { return }
        // What is gone of a prefix is not held any more: its keys may come and go without end.
        held[key] = entry == nil && !self.wish.keys.contains(key) ? nil : revision
        try await exchange.send(
            HubEvents.event(
                entry == nil ? "absent" : "entry",
                id: "\(self.store.epoch).\(revision)",
                data: ConfigDocuments.state(entry, of: key)
            )
        )
    }
}
