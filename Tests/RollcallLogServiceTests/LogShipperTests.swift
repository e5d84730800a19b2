import Foundation
import HTTPEngine
import Rollcall
import RollcallLogService
import RollcallService
import RollcallTesting
import Testing

/// A log service that answers as it is told to, and remembers the messages of batches that it took.
private final class FakeLog: Sendable {
    let statuses = MutexBox<[Int]>([])
    let taken = MutexBox<[String]>([])
    let server: HTTPServer

    init() throws {
        let (statuses, taken) = (self.statuses, self.taken)
        self.server = try HTTPServer(host: "127.0.0.1", port: 0) { exchange in
            let body = try await exchange.readBody(limit: 1 << 20)
            var status = 200
            statuses.change { if !$0.isEmpty { status = $0.removeFirst() } }
            if status == 200 { taken.change { $0.append(contentsOf: Self.messages(body)) } }
            exchange.respond(status, body: status == 418 ? Array("teapot".utf8) : [])
        }
    }

    private static func messages(_ body: [UInt8]) -> [String] {
        struct Batch: Decodable {
            struct Entry: Decodable { var message: String }
            var entries: [Entry]
        }
        return (try? JSONDecoder().decode(Batch.self, from: Data(body)))?.entries.map(\.message) ?? []
    }

    func register(in client: RollcallClient) async throws {
        let endpoint = try Endpoint("http://\(self.server.address)")
        let instance = try ServiceInstance(service: LogService.name, endpoints: [endpoint])
        _ = try await client.registry.register(instance, ttl: .seconds(60))
    }
}

private func withFakeLog(
    _ body: @escaping @Sendable (FakeLog, RollcallClient) async throws -> Void
) async throws {
    let log = try FakeLog()
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await log.server.run() }
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { try await body(log, $0) }
        await log.server.shutDown(within: .seconds(5))
    }
}

/// Runs a shipper for as long as `body` runs.
private func withShipper(
    _ shipper: LogShipper,
    _ client: RollcallClient,
    _ body: () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await shipper.run(through: client.discovery) }
        try await body()
        group.cancelAll()
        try await group.waitForAll()
    }
}

@Suite("Log shipper", .timeLimit(.minutes(1)))
struct LogShipperTests {
    @Test("messages arrive in order, also those from before it ran, and Rollcall's own")
    func order() async throws {
        try await withLogService { client, _, folder in
            let shipper = LogShipper(sender: "web-1")
            shipper.ship(.debug, "early")
            try await withShipper(shipper, client) {
                for number in 0..<2000 { shipper.ship(.info, "\(number)") }
                shipper.ship(.info, "\n")
                try await eventually { shipper.waitingCount == 0 }
            }
            let registrar = try client.registrar(
                configuration: RegistrarConfiguration(drain: .zero, log: shipper.log(minimum: .debug))
            ) { try ServiceInstance(service: ServiceName("web"), endpoints: [Endpoint("http://10.0.0.1:80")]) }
            registrar.beginShutdown()
            try await registrar.run()
            #expect(shipper.waitingCount > 0)
            let lines = try folder.lines().compactMap { LogLine($0[...], prefix: "Rollcall:") }
            #expect(lines.map(\.message) == ["early"] + (0..<2000).map(String.init))
            #expect(lines.allSatisfy { $0.sender == "web-1" })
            #expect(lines.first?.level == .debug)
        }
    }

    @Test("while the service is away memory is bounded, the oldest go, and the next line says how many")
    func overflow() async throws {
        try await withFakeLog { log, client in
            let shipper = LogShipper(sender: "web", configuration: .init(maximumBytes: 20_000))
            for number in 0..<100_000 { shipper.ship(.info, "\(number)") }
            #expect(shipper.waitingCount * 96 <= 20_000)
            #expect(shipper.waitingCount + shipper.droppedCount == 100_000)
            let (waiting, dropped) = (shipper.waitingCount, shipper.droppedCount)
            try await log.register(in: client)
            try await withShipper(shipper, client) {
                try await eventually { shipper.waitingCount == 0 }
            }
            let taken = log.taken.value
            #expect(taken.first?.hasPrefix("\(dropped) messages before this one were left out") == true)
            #expect(Array(taken.dropFirst()) == (100_000 - waiting..<100_000).map(String.init))
        }
    }

    @Test("a service that fails gets it again; one that refuses loses it, is not asked for ever, and it is told")
    func faults() async throws {
        try await withFakeLog { log, client in
            try await log.register(in: client)
            let shipper = LogShipper(sender: "web")
            try await withShipper(shipper, client) {
                log.statuses.change { $0 = [500, 507, 503] }
                shipper.ship(.info, "one")
                try await eventually { log.taken.value == ["one"] }
                log.statuses.change { $0 = [400] }
                shipper.ship(.info, "two")
                try await eventually { log.taken.value.count == 2 }
                #expect(log.taken.value.last?.hasPrefix("1 messages before") == true)
                #expect(shipper.droppedCount == 1)
                // Even the line that tells of it is refused.
                log.statuses.change { $0 = [400, 400] }
                shipper.ship(.info, "three")
                try await eventually { shipper.waitingCount == 0 && shipper.droppedCount == 2 }
                shipper.ship(.info, "four")
                try await eventually { log.taken.value.last == "four" }
            }
        }
    }

    @Test("an instance that is dead is gone around")
    func failover() async throws {
        try await withFakeLog { log, client in
            let dead = "127.0.0.1:\(try RefusingPort.reserve())"
            for id in ["a", "b", "c"] {
                let instance = try ServiceInstance(
                    service: LogService.name,
                    id: InstanceID(id),
                    endpoints: [Endpoint("http://\(dead)")]
                )
                _ = try await client.registry.register(instance, ttl: .seconds(60))
            }
            try await log.register(in: client)
            let shipper = LogShipper(sender: "web")
            try await withShipper(shipper, client) {
                for number in 0..<20 {
                    shipper.ship(.info, "\(number)")
                    // What was not acknowledged when the shipper ends would be shipped again.
                    try await eventually { log.taken.value.count == number + 1 && shipper.waitingCount == 0 }
                }
            }
            #expect(log.taken.value == (0..<20).map(String.init))
        }
    }

    @Test("what is shipped in the last moment arrives, and a service that is away does not keep it from ending")
    func farewell() async throws {
        try await withFakeLog { log, client in
            try await log.register(in: client)
            let shipper = LogShipper(sender: "web")
            try await withShipper(shipper, client) { shipper.ship(.info, "bye") }
            #expect(log.taken.value == ["bye"])
            let lost = LogShipper(sender: "web", configuration: .init(farewell: .milliseconds(50)))
            log.statuses.change { $0 = Array(repeating: 503, count: 1000) }
            try await withShipper(lost, client) { lost.ship(.info, "lost") }
            #expect(lost.waitingCount == 1)
            await #expect(throws: BackendError.self) { try await lost.run(through: client.discovery) }
        }
    }

    @Test("what is too long is cut at the border of a character")
    func cut() async throws {
        try await withFakeLog { log, client in
            try await log.register(in: client)
            let shipper = LogShipper(sender: String(repeating: "s", count: 500))
            try await withShipper(shipper, client) {
                shipper.ship(.info, "a" + String(repeating: "ä", count: 8000))
                try await eventually { log.taken.value.count == 1 }
            }
            let message = log.taken.value[0]
            #expect(message.utf8.count <= 8192 && message.utf8.count > 8180)
            #expect(message.hasSuffix("ä…"))
        }
    }
}

@Suite("Log client", .timeLimit(.minutes(1)))
struct LogClientTests {
    @Test("prints to the service that discovery finds")
    func print() async throws {
        try await withLogService { client, _, folder in
            let log = try LogClient(discovery: client.discovery, sender: "visit")
            try await log.print("hello")
            try await log.print("careful\n", level: .warning)
            let lines = try folder.lines().map { $0.dropFirst("Rollcall: 2026-11-21T07:30:00.123Z ".count) }
            #expect(lines == ["info visit hello", "warning visit careful"])
            let error = await #expect(throws: BackendError.self) { try await log.print("") }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("400") == true)
        }
    }

    @Test("without a log service it is notFound, at once")
    func none() async throws {
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            let log = try LogClient(discovery: client.discovery)
            let error = await #expect(throws: BackendError.self) { try await log.print("hello") }
            #expect(error?.code == .notFound)
        }
    }

    @Test(
        "a refusal keeps its code and status",
        arguments: [
            (500, BackendError.Code.unavailable), (507, .unavailable), (413, .tooLarge), (401, .unauthenticated),
            (404, .invalidArgument), (302, .protocolViolation), (418, .invalidArgument),
        ]
    )
    func refusals(_ status: Int, _ code: BackendError.Code) async throws {
        try await withFakeLog { log, client in
            try await log.register(in: client)
            log.statuses.change { $0 = [status] }
            let print = try LogClient(discovery: client.discovery)
            let error = await #expect(throws: BackendError.self) { try await print.print("hello") }
            #expect(error?.code == code)
            #expect(error?.message.contains("answered \(status)") == true)
        }
    }

    @Test("an instance that cannot be connected to is gone around")
    func failover() async throws {
        try await withFakeLog { log, client in
            let dead = "127.0.0.1:\(try RefusingPort.reserve())"
            let instance = try ServiceInstance(service: LogService.name, endpoints: [Endpoint("http://\(dead)")])
            _ = try await client.registry.register(instance, ttl: .seconds(60))
            try await log.register(in: client)
            let print = try LogClient(discovery: client.discovery)
            for _ in 0..<20 { try await print.print("hello") }
        }
    }
}
