import HTTPEngine
import Rollcall
import RollcallHubClient
import RollcallTesting
import Synchronization
import Testing

@Suite("Hub driver: streams of rubbish", .timeLimit(.minutes(2)), .serialized)
struct RubbishWatchTests {
    /// What a watch delivered.
    private final class Collected<Element: Sendable>: Sendable {
        private let list = Mutex<[Element]>([])

        func take(_ element: Element) { self.list.withLock { $0.append(element) } }

        var all: [Element] { self.list.withLock { $0 } }
    }

    private static func isGood(_ delivered: Collected<ServiceSnapshot>) -> Bool {
        guard let last = delivered.all.last else { return false }
        return last.freshness == .live && last.instances.map(\.id.text) == ["good"]
    }

    private static func event(_ name: String, _ id: String, _ data: String) -> String {
        "id: \(id)\nevent: \(name)\ndata: \(data)\n\n"
    }

    private static func snapshot(_ id: String, revision: Int = 5) throws -> String {
        let json = String(decoding: try ServiceInstance.sample(id).json, as: UTF8.self)
        return self.event(
            "snapshot",
            "e1.\(revision)",
            #"{"service":"web","revision":\#(revision),"instances":[\#(json)]}"#
        )
    }

    private static let rubbish = [
        "", "\n\n\n", "garbage", "data: {}\n\n", "event: snapshot\ndata: {\n\n", event("snapshot", "e1.1", "{}"),
        event("snapshot", "", "null"), event("snapshot", "e1.1", #"{"service":"other","revision":1,"instances":[]}"#),
        event("delta", "e1.1", #"{"service":"web","from":0,"to":1,"upserts":[],"removed":[]}"#),
        event("delta", "e1.9", #"{"service":"web","from":7,"to":9,"upserts":[],"removed":[]}"#),
        event("delta", "e1.6", #"{"service":"web","from":5,"to":6,"upserts":[{}],"removed":[]}"#),
        event("delta", "e1.6", #"{"service":"web","from":5,"to":6,"upserts":[],"removed":[{"id":"\u0000"}]}"#),
        event("snapshot", "e1.6", #"{"service":"web","revision":99999999999999999999,"instances":[]}"#),
        event("snapshot", "e1.6", String(repeating: "[", count: 100_000)), "event: delta\ndata: \u{0}\u{1}\u{FFFD}\n\n",
    ]

    @Test(
        "whatever a stream brings, the watch comes to what is true, and never shows anything else",
        arguments: rubbish
    )
    func converges(_ text: String) async throws {
        for begins in [false, true] {
            let count = Atomic(0)
            let delivered = Collected<ServiceSnapshot>()
            try await withFakeHub { exchange in
                let turn = count.wrappingAdd(1, ordering: .relaxed).oldValue
                try await exchange.beginStream(200, "text/event-stream")
                if turn == 0 {
                    if begins { try await exchange.send(Array(try Self.snapshot("early").utf8)) }
                    try await exchange.send(Array(text.utf8))
                } else {
                    try await exchange.send(Array(try Self.snapshot("good", revision: 6).utf8))
                    let end = Signal()
                    await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
                }
            } _: { backend in
                let service = try ServiceName("web")
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try? await backend.watch(service) { delivered.take($0) } }
                    try await eventually { Self.isGood(delivered) }
                    group.cancelAll()
                }
            }
            let ids = delivered.all.map { $0.instances.map(\.id.text) }
            #expect(Set(ids).subtracting([["early"], ["good"]]).isEmpty)
            #expect(delivered.all.map(\.revision) == Array(1...UInt64(max(1, delivered.all.count))))
            if begins {
                let stale = delivered.all.filter { $0.freshness != .live }
                #expect(stale.map { $0.instances.map(\.id.text) } == [["early"]], "in between it was told to be stale")
            }
        }
    }

    @Test(
        "an answer that is no stream is not taken for one, nor read without end",
        arguments: [200, 204, 302, 404, 500]
    )
    func noStream(_ status: Int) async throws {
        let count = Atomic(0)
        let delivered = Collected<ServiceSnapshot>()
        try await withFakeHub { exchange in
            guard count.wrappingAdd(1, ordering: .relaxed).oldValue > 0 else {
                guard status != 204 else { return exchange.respond(204) }
                try await exchange.beginStream(status, "text/html")
                // An event would stand in it.
                try await exchange.send(Array("\n\n\(try Self.snapshot("early"))".utf8))
                let piece = [UInt8](repeating: 0x20, count: 65536)
                while true { try await exchange.send(piece) }
            }
            try await exchange.beginStream(200, "text/event-stream; charset=utf-8")
            try await exchange.send(Array(try Self.snapshot("good").utf8))
            let end = Signal()
            await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
        } _: { backend in
            let service = try ServiceName("web")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await backend.watch(service) { delivered.take($0) } }
                try await eventually { Self.isGood(delivered) }
                group.cancelAll()
            }
        }
        #expect(delivered.all.count == 1)
    }

    @Test("a stream without a sign of life is opened again, and stale until then")
    func silence() async throws {
        let count = Atomic(0)
        let delivered = Collected<ServiceSnapshot>()
        try await withFakeHub(silenceLimit: .milliseconds(300)) { exchange in
            count.add(1, ordering: .relaxed)
            try await exchange.beginStream(200, "text/event-stream")
            try await exchange.send(Array(try Self.snapshot("good").utf8))
            let end = Signal()
            await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
        } _: { backend in
            let service = try ServiceName("web")
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await backend.watch(service) { delivered.take($0) } }
                try await eventually { count.load(ordering: .relaxed) >= 3 && Self.isGood(delivered) }
                group.cancelAll()
            }
        }
        #expect(delivered.all.contains { $0.freshness != .live })
    }

    @Test(
        "a hub that says no for good ends the watch with its reason",
        arguments: [BackendError.Code.invalidArgument, .unauthenticated, .permissionDenied, .unsupported]
    )
    func refused(_ code: BackendError.Code) async throws {
        try await withFakeHub { exchange in
            exchange.respond(Problem(status: 400, code: code, "because"))
        } _: { backend in
            let error = await #expect(throws: BackendError.self) {
                try await backend.watch(ServiceName("web")) { _ in }
            }
            #expect(error?.code == code)
            let names = await #expect(throws: BackendError.self) { try await backend.watchServices { _ in } }
            #expect(names?.code == code)
        }
    }

    @Test("names: rubbish is stepped over, what is the same is told once")
    func names() async throws {
        let count = Atomic(0)
        let delivered = Collected<[String]>()
        try await withFakeHub { exchange in
            let turn = count.wrappingAdd(1, ordering: .relaxed).oldValue
            try await exchange.beginStream(200, "text/event-stream")
            let list = #"{"services":[{"service":"web","passing":1}]}"#
            switch turn {
            case 0: try await exchange.send(Array("event: services\ndata: {}\n\n".utf8))
            case 1, 2: try await exchange.send(Array("event: services\ndata: \(list)\n\nevent: x\ndata: y\n\n".utf8))
            default:
                try await exchange.send(Array("event: services\ndata: {\"services\":[]}\n\n".utf8))
                let end = Signal()
                await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
            }
        } _: { backend in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try? await backend.watchServices { delivered.take($0.map(\.text)) }
                }
                try await eventually { delivered.all.count >= 2 }
                group.cancelAll()
            }
        }
        #expect(delivered.all == [["web"], []])
    }
}
