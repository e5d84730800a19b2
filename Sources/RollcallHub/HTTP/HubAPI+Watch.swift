import HTTPEngine
import Rollcall

extension HubAPI {
    /// A stream of server-sent events.
    func watch(_ request: HubRequest) async throws {
        let wish = try await request.watchWish(epoch: self.store.epoch)
        try await HubStream(source: self.store, namespace: request.namespace, wish: wish).run(request.exchange)
    }
}

extension HubRequest {
    /// The most services and patterns of one stream.
    private static let maximumPatterns = 1024

    /// Reads what stream is asked for.
    ///
    /// - Parameter epoch: What the hub's revisions belong to.
    /// - Returns: The wish.
    /// - Throws: A ``ValidationError`` or ``Problem``.
    func watchWish(epoch: String) async throws -> WatchDocument {
        var wish: WatchDocument
        if self.method == "POST" {
            try self.checkQuery()
            wish = try await self.json(limit: 1 << 20) { (reader) throws(ValidationError) in
                try WatchDocument(from: &reader)
            }
            // Revisions of another epoch mean nothing here.
            if wish.epoch != epoch { wish.held = [:] }
        } else {
            try self.checkQuery("service", "names", repeatable: ["service"])
            let patterns = try self.query.all("service").map { text throws(ValidationError) in
                try ServicePattern(text)
            }
            wish = WatchDocument(patterns: patterns, wantsNames: try self.boolean("names"))
        }
        let field = self.method == "POST" ? "services" : "service"
        guard !wish.patterns.isEmpty || wish.wantsNames else {
            throw ValidationError(field: field, message: "a stream is of at least one service or pattern")
        }
        guard wish.patterns.count <= Self.maximumPatterns else {
            throw ValidationError(
                field: field,
                message: "a stream is of at most \(Self.maximumPatterns) services",
                limit: Self.maximumPatterns
            )
        }
        return wish
    }
}

/// The document that asks for a stream: `{"epoch":"…","services":{"web":42,"team-*":0},"names":true}`.
///
/// The number of a pattern is not used: what it covers is told anew, so that what is not told before the first comment
/// is gone.
struct WatchDocument {
    var epoch: String?
    var patterns: [ServicePattern] = []
    var held: [ServiceName: UInt64] = [:]
    var wantsNames = false

    init(patterns: [ServicePattern], wantsNames: Bool) {
        self.patterns = patterns
        self.wantsNames = wantsNames
    }

    init(from reader: inout JSONReader) throws(ValidationError) {
        var document = (epoch: String?.none, services: [(ServicePattern, Int)](), names: false)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "epoch": document.epoch = try reader.string()
            case "names": document.names = try reader.boolean()
            case "services":
                try reader.object { (reader, name) throws(ValidationError) in
                    document.services.append((try Self.pattern(name), try reader.integer()))
                }
            default: try reader.skip()
            }
        }
        self.epoch = document.epoch
        self.wantsNames = document.names
        self.patterns = document.services.map(\.0)
        for (pattern, revision) in document.services {
            guard revision >= 0 else {
                throw ValidationError(field: "services.\(pattern)", message: "a revision is not below 0")
            }
            if let service = pattern.service { self.held[service] = UInt64(revision) }
        }
    }

    /// Reads a pattern, whose errors are placed by the member that it names.
    private static func pattern(_ text: String) throws(ValidationError) -> ServicePattern {
        do throws(ValidationError) {
            return try ServicePattern(text)
        } catch {
            throw ValidationError(field: "", message: error.message, limit: error.limit)
        }
    }
}

/// Where streams about services take from what they tell.
protocol HubStreamSource: Sendable {
    /// What revisions belong to.
    var epoch: String { get }
    /// What tells of changes.
    var feed: HubFeed { get }

    /// The snapshot of a service, not older than what the feed told.
    func snapshot(of service: ServiceName, in namespace: Namespace) async throws(BackendError) -> EncodedSnapshot

    /// The names of the services that there are.
    func names(in namespace: Namespace) throws(BackendError) -> [ServiceName]

    /// The services with their counts.
    func services(in namespace: Namespace) async throws(BackendError) -> [ServiceSummary]
}

extension HubStore: HubStreamSource {
    func names(in namespace: Namespace) throws(BackendError) -> [ServiceName] {
        try self.services(in: namespace).map(\.service)
    }
}

/// One open stream: what it is of, and what it is sent next.
struct HubStream<Source: HubStreamSource> {
    let source: Source
    let namespace: Namespace
    let patterns: [ServicePattern]
    let wantsNames: Bool
    private let outlet: HubOutlet

    /// Creates a stream.
    ///
    /// - Parameters:
    ///   - source: What it tells of.
    ///   - namespace: Where.
    ///   - wish: What it is of, and what its client has.
    init(source: Source, namespace: Namespace, wish: WatchDocument) {
        self.source = source
        self.namespace = namespace
        self.patterns = wish.patterns
        self.wantsNames = wish.wantsNames
        self.outlet = HubOutlet(HeldRevisions(wish.held, named: Set(wish.patterns.compactMap(\.service))))
    }

    /// Sends events until the client closes the stream or the server shuts down.
    ///
    /// - Parameters:
    ///   - exchange: The stream.
    ///   - opened: Is called once changes are told, before anything is sent.
    /// - Throws: A ``ConnectionError`` when the client takes nothing for too long; what `opened` throws.
    func run(_ exchange: HTTPExchange, opened: () throws -> Void = {}) async throws {
        let subscription = self.source.feed.open(
            self.namespace,
            self.patterns,
            wantsNames: self.wantsNames,
            outlet: self.outlet,
            loop: exchange.loop.number
        )
        defer { self.source.feed.close(subscription) }
        try opened()
        let mailbox = subscription.mailbox
        try await exchange.whileOpen(end: { mailbox.finish() }) {
            try await exchange.beginStream(
                200,
                "text/event-stream",
                headers: [Problem.Header("Cache-Control", "no-store")]
            )
            try await self.sendFirst(exchange)
            while let news = try await self.outlet.next(exchange) {
                try await self.send(news, exchange)
            }
        }
    }

    /// Sends what the client does not have, then a sign that it has all.
    private func sendFirst(_ exchange: HTTPExchange) async throws {
        if self.wantsNames { try await self.send(.names, exchange) }
        for pattern in self.patterns {
            if let service = pattern.service {
                try await self.sendSnapshot(of: service, exchange)
            } else {
                for service in try self.source.names(in: self.namespace) where pattern.matches(service) {
                    try await self.sendSnapshot(of: service, exchange)
                }
            }
        }
        try await exchange.send(HubEvents.heartbeat)
    }

    private func send(_ news: HubFeed.News, _ exchange: HTTPExchange) async throws {
        switch news {
        case .beat: try await exchange.send(HubEvents.heartbeat)
        case .names: try await exchange.send(HubEvents.services(try await self.source.services(in: self.namespace)))
        case .change(let service, let change):
            let step = self.outlet.step(to: change, of: service)
            if step == .snapshot { try await self.sendSnapshot(of: service, exchange) }
            self.outlet.note(change, of: service)
            if step == .event, let event = change.event { try await exchange.send(event) }
        case .rest: break
        }
    }

    private func sendSnapshot(of service: ServiceName, _ exchange: HTTPExchange) async throws {
        let snapshot = try await self.source.snapshot(of: service, in: self.namespace)
        guard self.outlet.take(revision: snapshot.revision, of: service) else { return }
        try await exchange.send(HubEvents.snapshot(snapshot, epoch: self.source.epoch))
    }
}
