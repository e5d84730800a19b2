import Foundation
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallLogService

@Suite("Reading the log", .timeLimit(.minutes(1)))
struct LogTailTests {
    private static let time: Int64 = 1_795_246_200_123

    private static func tail(
        _ filter: LogFilter = LogFilter(),
        prefix: String = "p",
        limit: Int = .max,
        maximumResult: Int = .max
    ) -> LogTail {
        LogTail(
            prefix: prefix,
            filter: filter,
            limit: limit,
            maximumBytes: .max,
            maximumResult: maximumResult
        ) { _, text in Array(text.utf8) }
    }

    private static func part(_ folder: LogFolder, _ text: String) throws -> LogPart {
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder.log))
        let file = try #require(LogDescriptor.reading(folder.log))
        return LogPart(file: file, length: file.length)
    }

    private static let filters: [LogFilter] = {
        let changes: [(inout LogFilter) -> Void] = [
            { _ in }, { $0.since = Self.time }, { $0.since = Self.time + 1 }, { $0.minimum = .warning },
            { $0.minimum = .debug }, { $0.sender = "web 1" }, { $0.sender = "web" }, { $0.sender = "" },
            { $0.contains = "n" }, { $0.contains = "\n" }, { $0.contains = "ä\u{301}" }, { $0.contains = "" },
            { $0.contains = "web" }, { $0.contains = "\\" },
            {
                $0.minimum = .error
                $0.sender = "\u{301}"
                $0.contains = "x"
            },
        ]
        return changes.map { change in
            var filter = LogFilter()
            change(&filter)
            return filter
        }
    }()

    @Test("what is sorted out by its bytes is what the filter leaves out", arguments: filters, ["p", "", "\u{301} p"])
    func sieve(_ filter: LogFilter, _ prefix: String) throws {
        var texts = [
            "", "p", "somebody else's", "p 2026-11-21T07:30:00Z info web x", "p 2026-13-41T99:99:99.999Z x y z",
        ]
        for level in Log.Level.allCases {
            for sender in ["web", "web 1", "", "\u{301}"] {
                for message in ["x", "two\nlines", "ä\u{301}", "\u{301}x", "\\", "web"] {
                    for time in [Self.time - 1, Self.time, Self.time + 1] {
                        let line = LogLine(time: time, level: level, sender: sender, message: message)
                        texts.append(line.text(prefix: prefix))
                    }
                }
            }
        }
        let expected = texts.filter { text in
            guard let line = LogLine(text[...], prefix: prefix) else { return filter == LogFilter() && !text.isEmpty }
            return filter.accepts(line)
        }
        let folder = try LogFolder()
        let part = try Self.part(folder, texts.map { $0 + "\n" }.joined())
        let found = Self.tail(filter, prefix: prefix).read([part])
        #expect(found.map { String(decoding: $0, as: UTF8.self) } == expected)
    }

    @Test(
        "what does not fit is sorted out without being decoded",
        arguments: [filters[2], filters[3], filters[5], filters[13]]
    )
    func cost(_ filter: LogFilter) {
        let line = LogLine(time: Self.time, level: .info, sender: "web-1", message: "request 7 took 12 ms")
        Array(line.text(prefix: "p").utf8).withUnsafeBytes { bytes in
            #expect(!LogSieve(filter, prefix: "p").mayFit(bytes))
            #expect(LogSieve(LogFilter(), prefix: "p").mayFit(bytes))
        }
    }

    @Test("a search ends when nobody waits for it any longer")
    func stop() throws {
        let folder = try LogFolder()
        let part = try Self.part(folder, String(repeating: String(repeating: "x", count: 999) + "\n", count: 1000))
        var questions = 0
        let found = Self.tail().read([part, part]) {
            questions += 1
            return questions < 3
        }
        #expect(questions == 3)
        #expect((100..<200).contains(found.count))
    }

    @Test("the newest lines are what an answer of bounded size has")
    func bounds() throws {
        let folder = try LogFolder()
        let part = try Self.part(folder, (0..<1000).map { "line \($0 + 1000)\n" }.joined())
        let bySize = Self.tail(maximumResult: 99).read([part]).map { String(decoding: $0, as: UTF8.self) }
        #expect(bySize == (1989..<2000).suffix(11).map { "line \($0)" })
        let byNumber = Self.tail(limit: 2).read([part]).map { String(decoding: $0, as: UTF8.self) }
        #expect(byNumber == ["line 1998", "line 1999"])
    }

    @Test("what waits for a slow reader is the newest, in order, and what made way is counted")
    func ring() {
        var ring = LogFollower.Ring(capacity: 3)
        func append(_ numbers: Range<Int>) {
            for number in numbers {
                ring.append((LogLine(time: 0, level: .info, sender: "", message: ""), "\(number)"))
            }
        }
        append(0..<2)
        var news = ring.takeAll()
        #expect(news.lines.map(\.text) == ["0", "1"] && news.dropped == 0)
        append(0..<8)
        news = ring.takeAll()
        #expect(news.lines.map(\.text) == ["5", "6", "7"] && news.dropped == 5)
        #expect(ring.takeAll().lines.isEmpty)
    }

    @Test("an event whose data begins with what joins the space before it arrives")
    func combining() {
        var lines = TailLines(areEvents: true)
        Array("data: \u{301}x\n\n".utf8).withUnsafeBytes { lines.take($0) }
        #expect(lines.next() == .line("\u{301}x"))
    }
}

@Suite("Log service: readers", .timeLimit(.minutes(1)))
struct LogReaderTests {
    /// Runs a service on a file.
    private static func withService(
        _ folder: LogFolder,
        _ body: @escaping @Sendable (LogService, Endpoint) async throws -> Void
    ) async throws {
        let service = try LogService(LogServiceConfiguration(path: folder.log))
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            try await withRunner(service.runner(client: client, port: 0, configuration: quickly)) { endpoint in
                try await body(service, endpoint)
            }
        }
    }

    @Test("more searches at once than it has places for are refused", arguments: ["", "?follow=true"])
    func places(_ query: String) async throws {
        try await Self.withService(try LogFolder()) { service, endpoint in
            for places in [service.scans, service.answers] {
                var taken: [Places.Place] = []
                while let place = try? places.take() { taken.append(place) }
                #expect(taken.count == places.count)
                let answer = try await fetch("/logs\(query)", at: endpoint)
                #expect(answer.status == 503)
                #expect(answer.head.fields.first("retry-after") == "1")
                taken = []
                #expect(places.count == 0)
                #expect(try await fetch("/logs", at: endpoint).status == 200)
                try await eventually { service.scans.count == 0 && service.answers.count == 0 }
            }
        }
    }

    @Test("an answer has 8 MiB at most: the newest lines")
    func size() async throws {
        let folder = try LogFolder()
        let text = String(repeating: "x", count: 8100)
        let lines = (0..<1200).map { "\($0 + 1000) \(text)\n" }.joined()
        try Data(lines.utf8).write(to: URL(fileURLWithPath: folder.log))
        try await Self.withService(folder) { _, endpoint in
            let body = try await fetch("/logs?limit=10000", at: endpoint).body
            #expect(body.utf8.count <= 8 << 20 && body.utf8.count > 8 << 20 - 20_000)
            // By bytes: characters of eight million would keep the machine from the other tests for seconds.
            let lines = body.utf8.split(separator: UInt8(ascii: "\n"))
            #expect(body.utf8.first == UInt8(ascii: "1") && body.utf8.last == UInt8(ascii: "\n"))
            #expect(lines.last?.starts(with: "2199 ".utf8) == true)
        }
    }
}
