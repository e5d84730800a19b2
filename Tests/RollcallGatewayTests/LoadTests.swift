import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallTesting
import Synchronization
import Testing

@Suite("Under load", .timeLimit(.minutes(1)))
struct LoadTests {
    /// Sends requests from many clients for as long as `body` runs, and returns what was answered otherwise than by 200.
    private static func load(
        _ bed: TestBed,
        clients: Int = 16,
        while body: @escaping @Sendable (Tally) async throws -> Void
    ) async throws -> (failures: [String], count: Int) {
        let failures = Failures()
        let done = Tally()
        let end = Signal()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<clients {
                group.addTask {
                    let http = try HTTPClient()
                    while !end.isRaised {
                        let request = HTTPClient.Request("GET", "/web/", at: bed.origin)
                        do {
                            let answer = try await http.send(request, within: .seconds(20))
                            if answer.status != 200 { failures.add(answer.text) }
                        } catch {
                            failures.add("\(error)")
                        }
                        done.add()
                    }
                }
            }
            try await body(done)
            end.raise()
            try await group.waitForAll()
        }
        return (failures.all, done.value)
    }

    /// Waits for another `count` answers.
    private static func progress(_ done: Tally, _ count: Int) async throws {
        let goal = done.value + count
        try await eventually { done.value >= goal }
    }

    @Test("an instance that is killed loses no idempotent request")
    func killed() async throws {
        try await withTestBed { bed in
            let served = Tally()
            let doomed = try await bed.instance(id: "a") { exchange in
                served.add()
                exchange.respond(200, "a/b", body: [1])
            }
            try await bed.instance(id: "b") { $0.respond(200, "a/b", body: [2]) }
            try await bed.instance(id: "c") { $0.respond(200, "a/b", body: [3]) }
            let (failures, count) = try await Self.load(bed) { done in
                try await Self.progress(done, 300)
                #expect(served.value > 0)
                // At once, whatever is under way; it stays registered, as nobody could say goodbye.
                await doomed.shutDown(within: .zero)
                try await Self.progress(done, 600)
            }
            #expect(failures.isEmpty, "\(failures.prefix(3)) of \(count)")
            #expect(bed.gateway.metrics.connectFailures >= 3)
            #expect(bed.gateway.metrics.ejections >= 1)
        }
    }

    @Test("instances that come, drain and go lose no request")
    func turnover() async throws {
        try await withTestBed { bed in
            try await bed.instance(id: "stays") { $0.respond(200, "a/b", body: [0]) }
            let (failures, count) = try await Self.load(bed) { done in
                for number in 0..<8 {
                    let served = Tally()
                    let server = try bed.serve { exchange in
                        served.add()
                        exchange.respond(200, "a/b", body: [1])
                    }
                    let lease = try await bed.register(id: "n\(number)", port: server.address.port)
                    try await eventually { served.value > 20 }
                    let instance = try await bed.backend.instances(of: ServiceName("web")).instances
                    let own = try #require(instance.first { $0.id.text == "n\(number)" })
                    try await lease.update(own.applying(InstanceChange(status: .maintenance)))
                    try await Self.progress(done, 50)
                    try await lease.revoke()
                    try await bed.awaitInstances(1)
                    await server.shutDown(within: .seconds(5))
                }
            }
            #expect(failures.isEmpty, "\(failures.prefix(3)) of \(count)")
        }
    }

    @Test("a gateway that shuts down finishes what is under way and takes nothing more")
    func shutDown() async throws {
        try await withTestBed { bed in
            let go = Signal()
            let arrived = Signal()
            try await bed.instance { exchange in
                arrived.raise()
                await go.wait()
                exchange.respond(200, "text/plain", body: Array("late".utf8))
            }
            let raw = try await bed.open()
            try await raw.send("GET /web/ HTTP/1.1\r\nHost: a\r\n\r\n")
            await arrived.wait()
            async let end: Void = bed.gateway.shutDown(within: .seconds(20))
            try await eventually { (try? await bed.open()) == nil }
            go.raise()
            let (text, wasCut) = await raw.receiveAll()
            #expect(text.contains("Connection: close\r\n") && text.hasSuffix("late") && !wasCut)
            await end
        }
    }

    @Test("a gateway runs once, and a port that is taken is an error that says so")
    func misuse() async throws {
        try await withTestBed { bed in
            try await eventually { (try? await bed.send())?.status == 404 }
            await #expect(throws: BackendError.self) { try await bed.gateway.run() }
            var configuration = GatewayConfiguration()
            configuration.port = bed.gateway.address.port
            #expect {
                try Gateway(client: bed.client, configuration: configuration)
            } throws: {
                ($0 as? BackendError)?.code == .unavailable
            }
            configuration.routes = [.init("shop", to: try ServiceName("shop"))]
            #expect {
                try Gateway(client: bed.client, configuration: configuration)
            } throws: {
                ($0 as? BackendError)?.code == .invalidArgument
            }
        }
    }
}

/// What went wrong in many tasks.
private final class Failures: Sendable {
    private let state = Mutex<[String]>([])

    var all: [String] { self.state.withLock { $0 } }

    func add(_ failure: String) { self.state.withLock { $0.append(failure) } }
}
