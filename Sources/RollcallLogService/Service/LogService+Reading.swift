import HTTPEngine
import Rollcall

extension LogService {
    /// How often a reader who follows gets a sign of life.
    static let beat = Duration.seconds(5)
    /// The most bytes of the log that one request looks at.
    private static let maximumScan = 64 << 20
    /// The most bytes of the past that one answer has.
    static let maximumAnswer = 8 << 20
    /// What a reader hears when there is nothing else.
    private static let beatEvent = Array(": beat\n\n".utf8)

    /// The last lines that fit, and with `follow` those that come.
    func read(_ exchange: HTTPExchange) async throws {
        let query = try LogQuery(Query(exchange.head.query), now: Self.now)
        if query.follows, exchange.head.method == "GET" {
            try await self.follow(exchange, query)
        } else {
            try await self.readPast(exchange, query)
        }
    }

    private func readPast(_ exchange: HTTPExchange, _ query: LogQuery) async throws {
        // Until the answer has left: it takes memory for as long.
        let answer = try self.answers.take()
        let scan = Scan(place: try self.scans.take(), tail: self.tail(query) { $0 + [0x0A] }, parts: self.file.open())
        let body = try await exchange.whileOpen(end: { scan.stop() }) { try await scan.run() }
        exchange.respond(200, query.format.contentType, body: body)
        try await exchange.flush()
        withExtendedLifetime(answer) {}
    }

    private func follow(_ exchange: HTTPExchange, _ query: LogQuery) async throws {
        let limit = self.configuration.maximumFollowers
        guard let (id, parts, follower) = self.file.follow(query.filter, limit: limit) else {
            throw Problem(status: 503, code: .unavailable, "\(limit) readers follow the log already")
        }
        defer { self.file.endFollowing(id) }
        let answer = try self.answers.take()
        let scan = Scan(place: try self.scans.take(), tail: self.tail(query, Self.event), parts: parts)
        let past = KeyedMailbox<Bool, [UInt8]>()
        let clock = self.clock
        let end: @Sendable () -> Void = {
            scan.stop()
            past.finish()
            follower.end()
        }
        try await exchange.whileOpen(end: end) {
            let headers = [Problem.Header("Cache-Control", "no-store")]
            try await exchange.beginStream(200, "text/event-stream", headers: headers)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while (try? await clock.sleep(for: Self.beat)) != nil {
                        past.offer(Self.beatEvent, for: false)
                        follower.beat()
                    }
                }
                group.addTask { await scan.run(into: past) }
                defer {
                    scan.stop()
                    group.cancelAll()
                }
                try await self.sendPast(past, exchange, holding: answer)
                while let news = try await follower.next() {
                    try await exchange.send(Self.events(news, query.format))
                }
            }
        }
    }

    /// Sends beats until the past is there, and then that.
    private func sendPast(
        _ past: KeyedMailbox<Bool, [UInt8]>,
        _ exchange: HTTPExchange,
        holding answer: Places.Place
    ) async throws {
        while let bytes = try await past.next() { try await exchange.send(bytes) }
        withExtendedLifetime(answer) {}
    }

    private func tail(_ query: LogQuery, _ end: @escaping @Sendable ([UInt8]) -> [UInt8]) -> LogTail {
        LogTail(
            prefix: self.file.prefix,
            filter: query.filter,
            limit: query.limit,
            maximumBytes: Self.maximumScan,
            maximumResult: Self.maximumAnswer
        ) { line, text in
            end(query.format.bytes(of: line, text: text))
        }
    }

    private static func events(_ news: LogFollower.News, _ format: LogQuery.Format) -> [UInt8] {
        var bytes: [UInt8] = []
        if news.dropped > 0 { bytes.append(contentsOf: "event: dropped\ndata: \(news.dropped)\n\n".utf8) }
        for (line, text) in news.lines { bytes.append(contentsOf: self.event(format.bytes(of: line, text: text))) }
        return bytes.isEmpty ? self.beatEvent : bytes
    }

    @Sendable
    private static func event(_ data: [UInt8]) -> [UInt8] {
        Array("data: ".utf8) + data + [0x0A, 0x0A]
    }
}

/// One look through the log, which ends early once nobody waits for it.
private struct Scan: Sendable {
    private let place: Places.Place
    private let tail: LogTail
    private let parts: [LogPart]
    private let isOver = Signal()

    init(place: Places.Place, tail: LogTail, parts: [LogPart]) {
        self.place = place
        self.tail = tail
        self.parts = parts
    }

    /// Makes ``run()`` return soon.
    func stop() { self.isOver.raise() }

    /// Looks for lines on a thread of its own, because reading blocks and may take long where few lines fit.
    func run() async throws(SystemError) -> [UInt8] {
        try await SystemThread.run { [place, tail, parts, isOver] in
            let lines = tail.read(parts) { !isOver.isRaised }
            return withExtendedLifetime(place) { Array(lines.joined()) }
        }
    }

    /// Puts what is found into a mailbox, and ends that.
    func run(into past: KeyedMailbox<Bool, [UInt8]>) async {
        do throws(SystemError) {
            past.offer(try await self.run(), for: true)
            past.finish()
        } catch {
            past.finish(throwing: BackendError(.unavailable, "\(error)", operation: "read the log"))
        }
    }
}
