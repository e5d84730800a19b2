import Foundation
import HTTPEngine
import Rollcall
import RollcallHubClient
import RollcallTesting
import Synchronization
import Testing

/// The latest snapshot of a watch, and whether an instance was ever missing in a live one.
private final class Observation: Sendable {
    private let state = Mutex<(latest: ServiceSnapshot?, departed: Set<InstanceID>)>((nil, []))

    func take(_ snapshot: ServiceSnapshot) {
        self.state.withLock { state in
            state.departed.formUnion(snapshot.departed.keys)
            state.latest = snapshot
        }
    }

    var isLive: Bool { self.state.withLock { $0.latest?.freshness == .live } }
    var ids: [String] { self.state.withLock { $0.latest?.instances.map(\.id.text) ?? [] } }
    var departed: Set<InstanceID> { self.state.withLock { $0.departed } }
}

@Suite(
    "Hub: the process killed, stopped, crowded",
    .timeLimit(.minutes(3)),
    .serialized,
    .enabled(if: HubProcess.program != nil, "the program is not built here")
)
struct HubProcessTests {
    private static func registrar(_ backend: HubBackend, _ id: String, ttl: Duration) throws -> Registrar {
        let instance = try ServiceInstance(
            service: ServiceName("web"),
            id: InstanceID(id),
            endpoints: [Endpoint("http://127.0.0.1:8080")]
        )
        return try Registrar(
            backend: backend,
            configuration: RegistrarConfiguration(ttl: ttl, drain: .milliseconds(10))
        ) { instance }
    }

    /// Runs registrars and a watch over one hub for as long as `body` runs.
    private static func withClients(
        port: Int,
        ids: [String],
        ttl: Duration,
        _ body: @escaping @Sendable (HubBackend, Observation) async throws -> Void
    ) async throws {
        let backend = try HubBackend(url: "hub://127.0.0.1:\(port)")
        let service = try ServiceName("web")
        let observation = Observation()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await backend.run() }
            for id in ids {
                let registrar = try Self.registrar(backend, id, ttl: ttl)
                group.addTask { try await registrar.run() }
                try await registrar.waitUntilRegistered()
            }
            group.addTask { _ = try? await backend.watch(service) { observation.take($0) } }
            defer { group.cancelAll() }
            try await eventually { observation.ids == ids && observation.isLive }
            try await body(backend, observation)
        }
    }

    /// How many renewals a hub has counted.
    private static func renewals(port: Int) async throws -> Int {
        let request = HTTPClient.Request("GET", "/metrics", at: Origin(host: "127.0.0.1", port: port))
        let metrics = try await HTTPClient().send(request, within: .seconds(10))
        let line = String(decoding: metrics.body, as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("rollcall_hub_renewals_total ") }
        return line?.split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    private static func dates(_ backend: HubBackend) async throws -> [String: Date?] {
        let snapshot = try await backend.instances(of: ServiceName("web"))
        return Dictionary(uniqueKeysWithValues: snapshot.instances.map { ($0.id.text, $0.registeredAt) })
    }

    @Test("killed and started again on the same data: who renews stays, who does not ends after one time-to-live")
    func kill() async throws {
        let folder = try TemporaryFolder()
        let first = try await HubProcess.start(folder)
        let port = first.port
        try await Self.withClients(port: port, ids: ["a", "b"], ttl: .seconds(15)) { backend, observation in
            // Nobody will renew this one.
            let orphan = try ServiceInstance(
                service: ServiceName("web"),
                id: InstanceID("orphan"),
                endpoints: [Endpoint("http://127.0.0.1:1")]
            )
            _ = try await backend.register(orphan, ttl: .seconds(5))
            try await eventually { observation.ids == ["a", "b", "orphan"] }
            let before = try await Self.dates(backend)
            await first.kill()
            try await eventually { !observation.isLive }
            #expect(observation.ids == ["a", "b", "orphan"], "what was known is kept, as stale")
            let error = await #expect(throws: BackendError.self) { try await Self.dates(backend) }
            #expect(error?.code == .unavailable)

            let second = try await HubProcess.start(folder, port: port)
            #expect(try await Self.dates(backend) == before, "each with its first registration")
            try await eventually { observation.isLive }
            try await eventually { observation.ids == ["a", "b"] }
            #expect(observation.departed == [try InstanceID("orphan")])
            let after = try await Self.dates(backend)
            #expect(after == before.filter { $0.key != "orphan" }, "nobody had to register again")
            try await eventually { try await Self.renewals(port: port) >= 2 }
            second.signal(SIGTERM)
            #expect(await second.wait() == 0)
        }
    }

    @Test("stopped for three times-to-live and continued: nobody is lost")
    func stop() async throws {
        let folder = try TemporaryFolder()
        let hub = try await HubProcess.start(folder)
        let ids = (0..<10).map { "i\($0)" }
        try await Self.withClients(port: hub.port, ids: ids, ttl: .seconds(3)) { backend, observation in
            let before = try await Self.dates(backend)
            hub.signal(SIGSTOP)
            // The length of the pause is what is tried.
            try await ContinuousClock().sleep(for: .seconds(9))
            hub.signal(SIGCONT)
            let clock = ContinuousClock()
            let start = clock.now
            while start.duration(to: clock.now) < .seconds(4) {
                #expect(try await Self.dates(backend) == before)
            }
            #expect(observation.departed.isEmpty)
            try await eventually { observation.isLive && observation.ids == ids }
        }
        await hub.kill()
    }

    @Test("two thousand half-open clients: the hub answers others, and closes them in the end")
    func halfOpen() async throws {
        let folder = try TemporaryFolder()
        let hub = try await HubProcess.start(folder)
        let origin = Origin(host: "127.0.0.1", port: hub.port)
        let pool = ConnectionPool(loop: try EventLoops.running().next(), connectTimeout: .seconds(20))
        var clients: [HTTPConnection] = []
        defer { for client in clients { client.socket.close() } }
        let clock = pool.loop.clock
        let beginnings = [
            "", "GET /v1/serv", "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX", "PUT /v1/services/a/instances/b HTTP/1.1\r\n",
        ]
        for index in 0..<2000 {
            let client = HTTPConnection(try await pool.connect(to: origin))
            clients.append(client)
            try await client.socket.write(Array(beginnings[index % 4].utf8), until: nil)
        }
        try await Self.withClients(port: hub.port, ids: ["a"], ttl: .seconds(30)) { backend, observation in
            for index in 0..<50 {
                let start = ContinuousClock.now
                _ = try await backend.amend(ServiceName("web"), id: InstanceID("a"), InstanceChange(weight: index))
                #expect(start.duration(to: .now) < .seconds(2))
            }
            #expect(try await backend.services().map(\.service.text) == ["web"])
            #expect(observation.departed.isEmpty)
        }
        // Those that said nothing may rest longer than those that are within a head.
        let deadline = clock.now.advanced(by: .seconds(60))
        for (index, client) in clients.enumerated() where index % 4 != 0 {
            while try await client.receive(until: deadline) {}
            let answer = String(decoding: client.takeReceived(), as: UTF8.self)
            #expect(answer.hasPrefix("HTTP/1.1 408 "))
        }
        await hub.kill()
    }

    @Test("watchers that stop reading cost the hub no memory that grows")
    func stalledWatchers() async throws {
        let folder = try TemporaryFolder()
        let hub = try await HubProcess.start(folder)
        let origin = Origin(host: "127.0.0.1", port: hub.port)
        let pool = ConnectionPool(loop: try EventLoops.running().next())
        var stalled: [Socket] = []
        defer { for socket in stalled { socket.close() } }
        for _ in 0..<20 {
            let socket = try await pool.connect(to: origin)
            stalled.append(socket)
            let text = "GET /v1/watch?service=web HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            try await socket.write(Array(text.utf8), until: nil)
        }
        let client = try HTTPClient()
        let body =
            #"{"endpoints":["http://127.0.0.1:1"],"metadata":{"large":"\#(String(repeating: "x", count: 7500))"}}"#
        func change(_ count: Int) async throws {
            for index in 0..<count {
                let target = "/v1/services/web/instances/i\(index % 4)?ttl=5m"
                let request = HTTPClient.Request("PUT", target, at: origin, body: Array(body.utf8))
                #expect(try await client.send(request, within: .seconds(20)).status == 200)
            }
        }
        try await change(1000)
        guard let before = hub.residentBytes else { return }
        try await change(4000)
        let after = try #require(hub.residentBytes)
        // 30 MB were told to each of twenty who took none of it.
        #expect(after - before < 24 << 20, "\(before >> 20) MB before, \(after >> 20) MB after")
        await hub.kill()
    }

    @Test("a start that is not possible ends with a code and says why")
    func refusedStarts() async throws {
        let folder = try TemporaryFolder()
        let hub = try await HubProcess.start(folder)
        let inUse = try await HubProcess.run(folder, "serve", "--memory", "--listen", "127.0.0.1:\(hub.port)")
        #expect(inUse.code != 0)
        #expect(inUse.errors.contains("127.0.0.1:\(hub.port)"))
        let shared = try await HubProcess.run(
            folder,
            "serve",
            "--data",
            folder.path + "/data",
            "--listen",
            "127.0.0.1:0"
        )
        #expect(shared.code != 0)
        #expect(shared.errors.contains(folder.path + "/data"))
        try folder.write([])
        let file = try await HubProcess.run(folder, "serve", "--data", folder.journal, "--listen", "127.0.0.1:0")
        #expect(file.code != 0)
        #expect(file.errors.contains(folder.journal))
        let everywhere = try await HubProcess.run(folder, "serve", "--memory", "--listen", "0.0.0.0:0")
        #expect(everywhere.code != 0)
        #expect(everywhere.errors.contains("loopback"))
        await hub.kill()
    }
}
