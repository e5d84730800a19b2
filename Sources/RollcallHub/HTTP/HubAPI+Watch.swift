import HTTPEngine
import Rollcall

extension HubAPI {
    /// The most services and patterns of one stream.
    private static let maximumPatterns = 1024

    /// A stream of server-sent events.
    func watch(_ request: HubRequest) async throws {
        let stream: HubStream
        if request.method == "POST" {
            try request.checkQuery()
            let wish = try await request.json(limit: 1 << 20) { (reader) throws(ValidationError) in
                try WatchDocument(from: &reader)
            }
            // Revisions of another epoch mean nothing here.
            let held = wish.epoch == self.store.epoch ? wish.held : [:]
            stream = HubStream(
                store: self.store,
                namespace: request.namespace,
                patterns: wish.patterns,
                wantsNames: wish.wantsNames,
                held: held
            )
        } else {
            try request.checkQuery("service", "names", repeatable: ["service"])
            let patterns = try request.query.all("service").map { text throws(ValidationError) in
                try ServicePattern(text)
            }
            stream = HubStream(
                store: self.store,
                namespace: request.namespace,
                patterns: patterns,
                wantsNames: try request.boolean("names")
            )
        }
        guard !stream.patterns.isEmpty || stream.wantsNames else {
            throw ValidationError(
                field: request.method == "POST" ? "services" : "service",
                message: "a stream is of at least one service or pattern"
            )
        }
        guard stream.patterns.count <= Self.maximumPatterns else {
            throw ValidationError(
                field: request.method == "POST" ? "services" : "service",
                message: "a stream is of at most \(Self.maximumPatterns) services",
                limit: Self.maximumPatterns
            )
        }
        try await stream.run(request.exchange)
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

/// One open stream: what it is of, and what it is sent next.
struct HubStream {
    let store: HubStore
    let namespace: Namespace
    let patterns: [ServicePattern]
    let wantsNames: Bool
    private let outlet: HubOutlet

    /// Creates a stream.
    ///
    /// - Parameters:
    ///   - store: What it tells of.
    ///   - namespace: Where.
    ///   - patterns: Which services.
    ///   - wantsNames: Whether it tells which services there are.
    ///   - held: The revision that the client has of each service.
    init(
        store: HubStore,
        namespace: Namespace,
        patterns: [ServicePattern],
        wantsNames: Bool,
        held: [ServiceName: UInt64] = [:]
    ) {
        self.store = store
        self.namespace = namespace
        self.patterns = patterns
        self.wantsNames = wantsNames
        self.outlet = HubOutlet(HeldRevisions(held, named: Set(patterns.compactMap(\.service))))
    }

    /// Sends events until the client closes the stream or the server shuts down.
    ///
    /// - Throws: A ``ConnectionError`` when the client takes nothing for too long.
    func run(_ exchange: HTTPExchange) async throws {
        let subscription = self.store.feed.open(
            self.namespace,
            self.patterns,
            wantsNames: self.wantsNames,
            outlet: self.outlet,
            loop: exchange.loop.number
        )
        defer { self.store.feed.close(subscription) }
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
                for summary in try self.store.services(in: self.namespace) where pattern.matches(summary.service) {
                    try await self.sendSnapshot(of: summary.service, exchange)
                }
            }
        }
        try await exchange.send(HubEvents.heartbeat)
    }

    private func send(_ news: HubFeed.News, _ exchange: HTTPExchange) async throws {
        switch news {
        case .beat: try await exchange.send(HubEvents.heartbeat)
        case .names: try await exchange.send(HubEvents.services(try self.store.services(in: self.namespace)))
        case .change(let service, let change):
            let step = self.outlet.step(to: change, of: service)
            if step == .snapshot { try await self.sendSnapshot(of: service, exchange) }
            self.outlet.note(change, of: service)
            if step == .event, let event = change.event { try await exchange.send(event) }
        case .rest: break
        }
    }

    private func sendSnapshot(of service: ServiceName, _ exchange: HTTPExchange) async throws {
        let snapshot = try self.store.snapshot(of: service, in: self.namespace)
        guard self.outlet.take(revision: snapshot.revision, of: service) else { return }
        try await exchange.send(HubEvents.snapshot(snapshot, epoch: self.store.epoch))
    }
}
