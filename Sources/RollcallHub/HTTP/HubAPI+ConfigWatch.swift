import HTTPEngine
import Rollcall

extension HubAPI {
    /// A stream of server-sent events about configuration.
    func configWatch(_ request: HubRequest) async throws {
        let wish = try await request.configWatchWish(epoch: self.store.epoch)
        let source = HubConfigSource(store: self.store, namespace: request.namespace, instance: wish.instance)
        try await ConfigStream(source: source, namespace: request.namespace, wish: wish).run(request.exchange)
    }
}

extension HubRequest {
    /// The most keys and prefixes of one stream.
    private static let maximumKeys = 1024

    /// Reads what stream is asked for.
    ///
    /// - Parameter epoch: What the hub's revisions belong to.
    /// - Returns: The wish.
    /// - Throws: A ``ValidationError`` or ``Problem``.
    func configWatchWish(epoch: String) async throws -> ConfigWatchDocument {
        var wish: ConfigWatchDocument
        if self.method == "POST" {
            try self.checkQuery()
            wish = try await self.json(limit: 1 << 20) { (reader) throws(ValidationError) in
                try ConfigWatchDocument(from: &reader)
            }
            // Revisions of another epoch mean nothing here.
            if wish.epoch != epoch { wish.held = [:] }
        } else {
            try self.checkQuery("key", "prefix", repeatable: ["key", "prefix"])
            wish = ConfigWatchDocument()
            for text in self.query.all("key") { wish.keys.insert(try ConfigKey(text)) }
            wish.prefixes = self.query.all("prefix")
            wish.instance = try self.instance()
        }
        let count = wish.keys.count + wish.prefixes.count
        guard (1...Self.maximumKeys).contains(count) else {
            throw ValidationError(
                field: self.method == "POST" ? "keys" : "key",
                message: "a stream is of 1 to \(Self.maximumKeys) keys and prefixes, not of \(count)",
                limit: Self.maximumKeys
            )
        }
        return wish
    }
}

/// The document that asks for a stream:
/// `{"epoch":"…","keys":{"shop/limits":"17"},"prefixes":["shop/"],"instance":{"id":"web-1"}}`.
///
/// The text of a key is the revision that the client has; empty for none, `-` when it knows that nothing is stored.
struct ConfigWatchDocument {
    /// Stands for nothing that is stored.
    static let nothing = ConfigRevision("-")

    /// Stands for what cannot be understood, for this reason.
    static func unknown(_ fault: String) -> ConfigRevision {
        ConfigRevision("?\(CRC32C.text(fault.utf8))")
    }

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

/// Where streams about configuration take from what they tell.
protocol ConfigStreamSource: Sendable {
    /// What revisions belong to.
    var epoch: String { get }
    /// What tells which keys changed.
    var feed: ConfigFeed { get }

    /// What the stream's client sees under a key.
    ///
    /// - Throws: `unavailable` when that is not known any more.
    func state(of key: ConfigKey) throws(BackendError) -> ConfigState

    /// The keys that begin with a text.
    func keys(under prefix: String) -> [ConfigKey]
}

/// The hub's own configuration, as one reader sees it.
struct HubConfigSource: ConfigStreamSource {
    let store: HubStore
    let namespace: Namespace
    let instance: ConfigInstance?

    var epoch: String { self.store.epoch }
    var feed: ConfigFeed { self.store.config.state.feed }

    func state(of key: ConfigKey) -> ConfigState {
        let place = ConfigTable.Place(namespace: self.namespace, key: key)
        return self.store.config.entry(at: place, for: self.instance).map { .present($0) } ?? .absent
    }

    func keys(under prefix: String) -> [ConfigKey] {
        self.store.config.summaries(in: self.namespace, under: prefix).map(\.key)
    }
}

/// One open stream: what it is of, and what its client has.
struct ConfigStream<Source: ConfigStreamSource> {
    let source: Source
    let namespace: Namespace
    let wish: ConfigWatchDocument

    /// Sends events until the client closes the stream or the server shuts down.
    ///
    /// - Parameters:
    ///   - exchange: The stream.
    ///   - opened: Is called once changes are told, before anything is sent.
    /// - Throws: A ``ConnectionError`` when the client takes nothing for too long; what `opened` throws.
    func run(_ exchange: HTTPExchange, opened: () throws -> Void = {}) async throws {
        let interest = ConfigFeed.Interest(
            namespace: self.namespace,
            keys: self.wish.keys,
            prefixes: self.wish.prefixes
        )
        try await self.source.feed.following(interest) { mailbox in
            try opened()
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
        for prefix in self.wish.prefixes { keys.formUnion(self.source.keys(under: prefix)) }
        return keys.sorted()
    }

    /// Sends what is seen under a key, if that is not what its client has.
    private func send(
        _ key: ConfigKey,
        _ held: inout [ConfigKey: ConfigRevision],
        _ exchange: HTTPExchange
    ) async throws {
        let state = try self.source.state(of: key)
        let (name, revision, data) = state.event(of: key)
        guard held[key] != revision else { return }
        // What is gone of a prefix is not held any more: its keys may come and go without end.
        held[key] = state == .absent && !self.wish.keys.contains(key) ? nil : revision
        try await exchange.send(HubEvents.event(name, id: "\(self.source.epoch).\(revision)", data: data))
    }
}

extension ConfigState {
    /// The state as an event: its name, the revision that a client has then, its document.
    fileprivate func event(of key: ConfigKey) -> (name: String, revision: ConfigRevision, data: [UInt8]) {
        switch self {
        case .present(let entry): ("entry", entry.revision, ConfigDocuments.state(entry, of: key))
        case .absent: ("absent", ConfigWatchDocument.nothing, ConfigDocuments.state(nil, of: key))
        case .undecodable(let fault):
            ("undecodable", ConfigWatchDocument.unknown(fault), ConfigDocuments.fault(fault, of: key))
        }
    }
}
