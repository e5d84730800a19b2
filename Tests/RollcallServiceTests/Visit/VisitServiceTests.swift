import Foundation
import HTTPEngine
import Rollcall
import RollcallLogService
import RollcallService
import RollcallVisitService
import Testing

@Suite("Visit service", .timeLimit(.minutes(1)))
struct VisitServiceTests {
    private static func withVisit(
        _ client: RollcallClient,
        _ body: @escaping @Sendable (VisitService, Endpoint) async throws -> Void
    ) async throws {
        let visit = VisitService(client: client, port: 0, configuration: quickly())
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await visit.run() }
            defer { visit.beginShutdown() }
            try await visit.runner.waitUntilRegistered()
            try await body(visit, #require(visit.runner.endpoints.first))
            visit.beginShutdown()
            try await group.waitForAll()
        }
    }

    @Test("each visit gets its own number, and the log has the same ones")
    func numbers() async throws {
        let path = NSTemporaryDirectory() + "rollcall-visit-\(UUID().uuidString).log"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let log = try LogService(LogServiceConfiguration(path: path))
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            try await withRunner(log.runner(client: client, port: 0, configuration: quickly())) { _ in
                try await Self.withVisit(client) { visit, endpoint in
                    let numbers = try await withThrowingTaskGroup(of: [Int].self) { group in
                        for _ in 0..<8 {
                            group.addTask {
                                var numbers: [Int] = []
                                for _ in 0..<50 { numbers.append(Int(try await fetch("/", at: endpoint).body) ?? 0) }
                                return numbers
                            }
                        }
                        return try await group.reduce(into: []) { $0 += $1 }
                    }
                    #expect(numbers.sorted() == Array(1...400))
                    #expect(visit.count == 400)
                    let instance = try await client.registry.instances(of: VisitService.name).instances.first
                    #expect(instance?.requires == [LogService.name])
                }
            }
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let logged = lines.compactMap { LogLine($0, prefix: "Rollcall:") }.compactMap { Int($0.message) }
        #expect(logged.sorted() == Array(1...400))
    }

    @Test("what is no visit does not count")
    func noVisits() async throws {
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            try await Self.withVisit(client) { visit, endpoint in
                for path in ["/favicon.ico", "/robots.txt", "//", "/index.html"] {
                    #expect(try await fetch(path, at: endpoint).status == 404)
                }
                for method in ["POST", "PUT", "DELETE", "HEAD"] {
                    let answer = try await fetch("/", at: endpoint, method: method)
                    #expect(answer.status == 405)
                    #expect(answer.head.fields.first("allow") == "GET")
                }
                #expect(visit.count == 0)
                #expect(try await fetch("/?utm=x", at: endpoint).body == "1")
            }
        }
    }

    @Test("without a log service it answers all the same, and ends")
    func withoutLog() async throws {
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            try await Self.withVisit(client) { _, endpoint in
                for number in 1...20 {
                    let answer = try await fetch("/", at: endpoint)
                    #expect(answer.body == "\(number)")
                }
            }
        }
    }
}
