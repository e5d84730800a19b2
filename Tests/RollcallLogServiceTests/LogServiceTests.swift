import Foundation
import HTTPEngine
import Rollcall
import RollcallLogService
import RollcallTesting
import Testing

@Suite("Log service: writing", .timeLimit(.minutes(1)))
struct LogServiceWritingTests {
    @Test("a message is a line in a file for its owner only")
    func one() async throws {
        try await withLogService { client, endpoint, folder in
            let before = Date()
            #expect(try await post("/log", "hello\n", at: endpoint).status == 200)
            #expect(try await post("/log?sender=visit&level=error", "42", at: endpoint).status == 200)
            let fields = [Problem.Header("Rollcall-Sender", "web 1"), Problem.Header("Rollcall-Level", "debug")]
            _ = try await fetch("/log", at: endpoint, method: "POST", body: Array("x".utf8), fields: fields)
            let lines = try folder.lines().compactMap { LogLine($0[...], prefix: "Rollcall:") }
            #expect(lines.map(\.message) == ["hello", "42", "x"])
            #expect(lines.map(\.sender) == ["127.0.0.1", "visit", "web 1"])
            #expect(lines.map(\.level) == [.info, .error, .debug])
            #expect(lines.allSatisfy { Double($0.time) / 1000 > before.timeIntervalSince1970 - 1 })
            let mode = try FileManager.default.attributesOfItem(atPath: folder.log)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            #expect(try await client.discovery.instance(of: LogService.name).endpoint == endpoint)
        }
    }

    @Test("many lines cannot be forged by one message")
    func forging() async throws {
        try await withLogService { _, endpoint, folder in
            let forged = "x\nRollcall: 2026-11-21T07:30:00.123Z error bank all is lost\r\u{1B}[2J"
            #expect(try await post("/log", forged, at: endpoint).status == 200)
            let sender = "a%0ARollcall:%20b"
            #expect(try await post("/log?sender=\(sender)", "y", at: endpoint).status == 200)
            let lines = try folder.lines()
            #expect(lines.count == 2)
            #expect(!lines.joined().utf8.contains { $0 < 0x20 })
        }
    }

    @Test("what is no message is refused, and says why")
    func refusals() async throws {
        try await withLogService { _, endpoint, folder in
            for empty in ["", "\n", "\r\n\n"] { #expect(try await post("/log", empty, at: endpoint).status == 400) }
            #expect(try await post("/log", String(repeating: "a", count: 8192), at: endpoint).status == 200)
            #expect(try await post("/log", String(repeating: "a", count: 8193), at: endpoint).status == 413)
            #expect(try await post("/log", String(repeating: "a", count: 65537), at: endpoint).status == 413)
            #expect(try await post("/log?level=loud", "a", at: endpoint).status == 400)
            #expect(try await post("/log?levle=info", "a", at: endpoint).status == 400)
            let long = String(repeating: "s", count: 129)
            #expect(try await post("/log?sender=\(long)", "a", at: endpoint).status == 400)
            for method in ["GET", "PUT", "DELETE", "HEAD"] {
                let answer = try await fetch("/log", at: endpoint, method: method)
                #expect(answer.status == 405)
                #expect(answer.head.fields.first("allow") == "POST")
            }
            #expect(
                try await fetch("/logs", at: endpoint, method: "PUT").head.fields.first("allow") == "GET, HEAD, POST"
            )
            #expect(try await post("/logger", "a", at: endpoint).status == 404)
            #expect(try folder.lines().count == 1)
        }
    }

    @Test("a batch is written whole, with the times that its messages had")
    func batch() async throws {
        try await withLogService { _, endpoint, folder in
            let now = Date().timeIntervalSince1970
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            let times = [-60, -7200, 600].map { Date(timeIntervalSince1970: now + $0).formatted(style) }
            let entries = times.map { #"{"time":"\#($0)","message":"m","level":"warn"}"# }
            let json =
                #"{"sender":"web-1","entries":[\#(entries.joined(separator: ",")),{"message":"n","sender":"b"}]}"#
            let answer = try await post("/logs", json, at: endpoint)
            #expect(answer == (200, #"{"written":4}"#))
            let lines = try folder.lines().compactMap { LogLine($0[...], prefix: "Rollcall:") }
            #expect(lines.map(\.sender) == ["web-1", "web-1", "web-1", "b"])
            #expect(lines.map(\.level) == [.warning, .warning, .warning, .info])
            let ages = lines.map { now - Double($0.time) / 1000 }
            #expect(abs(ages[0] - 60) < 1)
            // Too old and from the future: what counts is when they came.
            #expect(ages[1...].allSatisfy { abs($0) < 20 })
        }
    }

    @Test(
        "a batch with one bad entry writes nothing, and the fault is named",
        arguments: [
            (#"{"entries":[]}"#, 400, "entries"),
            (#"{"entries":[{"message":"a"},{"message":""}]}"#, 400, "entries[1].message"),
            (#"{"entries":[{"message":"a","level":"loud"}]}"#, 400, "entries[0].level"),
            (#"{"entries":[{"message":"a","time":"noon"}]}"#, 400, "entries[0].time"),
            (#"{"entries":[{"message":7}]}"#, 400, "entries[0].message"), ("[]", 400, ""), ("{", 400, ""),
            ("", 400, ""),
            (#"{"entries":[{"message":"\#(String(repeating: "a", count: 8193))"}]}"#, 413, "entries[0].message"),
            (
                #"{"entries":[\#(Array(repeating: #"{"message":"a"}"#, count: 1001).joined(separator: ","))]}"#, 400,
                "entries[1000]"
            ),
        ]
    )
    func badBatch(_ json: String, _ status: Int, _ field: String) async throws {
        try await withLogService { _, endpoint, folder in
            let answer = try await post("/logs", json, at: endpoint)
            #expect(answer.status == status)
            if !field.isEmpty { #expect(answer.body.contains(#""field":"\#(field)""#), "\(answer.body)") }
            #expect(try folder.lines().isEmpty)
        }
    }
}

@Suite("Log service: reading", .timeLimit(.minutes(1)))
struct LogServiceReadingTests {
    private static func fill(_ endpoint: Endpoint) async throws {
        for (sender, level, message) in [
            ("web", "info", "one"), ("web", "error", "two ä\nlines"), ("mail", "warning", "three"),
            ("web", "info", "four"),
        ] {
            let answer = try await post("/log?sender=\(sender)&level=\(level)", message, at: endpoint)
            #expect(answer.status == 200)
        }
    }

    private static func messages(_ query: String, _ endpoint: Endpoint) async throws -> [String] {
        let answer = try await fetch("/logs?\(query)", at: endpoint)
        #expect(answer.status == 200)
        return answer.body.split(separator: "\n").compactMap { LogLine($0, prefix: "Rollcall:")?.message }
    }

    @Test("the last lines, by sender, level, content and time")
    func filters() async throws {
        try await withLogService { _, endpoint, _ in
            try await Self.fill(endpoint)
            #expect(try await Self.messages("", endpoint) == ["one", "two ä\nlines", "three", "four"])
            #expect(try await Self.messages("limit=2", endpoint) == ["three", "four"])
            #expect(try await Self.messages("limit=0", endpoint).isEmpty)
            #expect(try await Self.messages("sender=mail", endpoint) == ["three"])
            #expect(try await Self.messages("level=warning", endpoint) == ["two ä\nlines", "three"])
            #expect(try await Self.messages("contains=%C3%A4%0A", endpoint) == ["two ä\nlines"])
            #expect(try await Self.messages("since=10m&sender=web&limit=1", endpoint) == ["four"])
            #expect(try await Self.messages("since=2999-01-01T00:00:00Z", endpoint).isEmpty)
            let json = try await fetch("/logs?format=json&sender=mail", at: endpoint).body
            #expect(json.hasSuffix(#""level":"warning","sender":"mail","message":"three"}"# + "\n"), "\(json)")
            #expect(try await fetch("/logs", at: endpoint, method: "HEAD").status == 200)
        }
    }

    @Test(
        "bad questions are refused",
        arguments: [
            "limit=-1", "limit=10001", "limit=x", "level=loud", "since=noon", "follow=perhaps", "format=xml",
            "sendre=a",
        ]
    )
    func badQueries(_ query: String) async throws {
        try await withLogService { _, endpoint, _ in
            let answer = try await fetch("/logs?\(query)", at: endpoint)
            #expect(answer.status == 400)
        }
    }

    @Test("who follows gets the past and what comes, each line once, in order")
    func follow() async throws {
        try await withLogService { client, endpoint, _ in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let (got, caughtUp) = (Collected(), Signal())
                var query = LogQuery()
                query.follows = true
                query.limit = 10_000
                query.filter.contains = "line"
                let wanted = query
                group.addTask {
                    try await LogClient(discovery: client.discovery).tail(wanted) { (item) throws(BackendError) in
                        got.add(item)
                        if got.count == 20 { caughtUp.raise() }
                        if got.count == 420 { throw BackendError(.closed, "enough") }
                    }
                }
                group.addTask {
                    for number in 0..<20 { _ = try await post("/log", "line \(number)", at: endpoint) }
                    await caughtUp.wait()
                    try await withThrowingTaskGroup(of: Void.self) { writers in
                        for writer in 0..<4 {
                            writers.addTask {
                                for number in 0..<100 {
                                    _ = try await post("/log", "line \(writer)/\(number)", at: endpoint)
                                    _ = try await post("/log", "other", at: endpoint)
                                }
                            }
                        }
                        try await writers.waitForAll()
                    }
                }
                var errors: [String] = []
                while let result = await group.nextResult() {
                    if case .failure(let error) = result {
                        errors.append((error as? BackendError)?.message ?? "\(error)")
                    }
                }
                #expect(errors == ["enough"])
                let all = try await fetch("/logs?limit=10000&contains=line", at: endpoint).body.split(separator: "\n")
                #expect(got.lines == all.map(String.init))
            }
        }
    }

    @Test("a service that stops ends those who follow")
    func followEnds() async throws {
        let ended = Signal()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let folder = try LogFolder()
            let service = try LogService(LogServiceConfiguration(path: folder.log))
            let server = try HTTPServer(host: "127.0.0.1", port: 0) { try await service.answer($0) }
            group.addTask { await server.run() }
            let endpoint = try Endpoint("http://\(server.address)")
            group.addTask {
                let answer = try await fetch("/logs?follow=true", at: endpoint)
                #expect(answer.status == 200)
                #expect(answer.head.fields.first("content-type") == "text/event-stream")
                ended.raise()
            }
            try await eventually { server.connectionCount == 1 && server.requests == 1 }
            await server.shutDown(within: .seconds(10))
            await ended.wait()
            try await group.waitForAll()
        }
    }
}

/// What a reader got.
final class Collected: Sendable {
    private let items = MutexBox<[LogClient.TailItem]>([])

    var count: Int { self.items.value.count }

    var lines: [String] {
        self.items.value.compactMap { if case .line(let text) = $0 { text } else { nil } }
    }

    func add(_ item: LogClient.TailItem) { self.items.change { $0.append(item) } }
}
