import Rollcall
import RollcallConsul
import RollcallHub
import RollcallHubClient
import RollcallTesting
import Testing

/// Two hubs in front of one Consul agent, the first of which ends.
@Suite(
    "Two hubs in front of one Consul",
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul))),
    .timeLimit(.minutes(2))
)
struct FrontOnConsulTests {
    private static func hub(_ server: ConsulServer, _ key: SealingKey) throws -> FrontServer {
        try FrontServer(FrontServer.Configuration(port: 0, leaseKey: key)) { (namespace) throws(BackendError) in
            try ConsulBackend(url: "consul://127.0.0.1:\(server.httpPort)", namespace: namespace)
        }
    }

    @Test("a registration outlives the hub that took it, and so do watches and writes", arguments: ServerProgram.consul)
    func outlives(_ program: ServerProgram) async throws {
        try await ConsulServer.withServer(program) { server in
            let key = SealingKey()
            let hubs = try [Self.hub(server, key), Self.hub(server, key)]
            let end = Signal()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await race {
                        await hubs[0].run()
                    } _: {
                        await end.wait()
                    }
                }
                group.addTask { await hubs[1].run() }
                defer { group.cancelAll() }
                let client = try HubBackend(url: "hub://127.0.0.1:\(hubs[0].port),127.0.0.1:\(hubs[1].port)")
                group.addTask { try? await client.run() }
                try await Self.check(client, end, first: hubs[0].port)
            }
        }
    }

    @Test("a client learns what the engine can, and what that cannot is unsupported", arguments: ServerProgram.consul)
    func capabilities(_ program: ServerProgram) async throws {
        try await ConsulServer.withServer(program) { server in
            let hub = try Self.hub(server, SealingKey())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await hub.run() }
                defer { group.cancelAll() }
                let client = try HubBackend(url: "hub://127.0.0.1:\(hub.port)")
                group.addTask { try? await client.run() }
                #expect(client.capabilities.remembersRemoval)
                try await eventually { await client.health().canWrite }
                let engine = try ConsulBackend(url: "consul://a")
                #expect(client.capabilities == engine.capabilities)
                #expect(client.configCapabilities == engine.configCapabilities)
                let limit = engine.configCapabilities.maximumBytes
                let large = ConfigDraft(ConfigContent(String(repeating: "x", count: limit + 1)))
                let key = try ConfigKey("large")
                let tooLarge = await #expect(throws: BackendError.self) {
                    try await client.write(large, to: key, expecting: .any)
                }
                #expect(tooLarge?.code == .tooLarge && tooLarge?.limit == limit)
                let changes = try (0...64).map {
                    ConfigChange(try ConfigKey("k\($0)"), .write(ConfigDraft(ConfigContent("x"))))
                }
                let tooMany = await #expect(throws: BackendError.self) { try await client.apply(changes) }
                #expect(tooMany?.code == .unsupported && tooMany?.limit == 64)
                #expect(try await client.keys(under: "").isEmpty)
                let metrics = await ServerCall(port: hub.port).send("GET", "/metrics")?.body
                let info = #"rollcall_hub_engine_info{backend="consul",leader="127.0.0.1:"#
                #expect(
                    metrics?.contains(info) == true && metrics?.contains("version=\"\(program.version)\"} 1") == true
                )
            }
        }
    }

    private static func check(_ client: HubBackend, _ end: Signal, first port: Int) async throws {
        let service = try ServiceName("web")
        let instance = try ServiceInstance(
            service: service,
            id: InstanceID("a"),
            endpoints: [Endpoint("http://127.0.0.1:8080")]
        )
        let lease = try await client.register(instance, ttl: .seconds(2))
        let snapshots = MutexBox<[ServiceSnapshot]>([])
        let key = try ConfigKey("limits")
        let first = try await client.write(ConfigDraft(ConfigContent("1")), to: key, expecting: .absent)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await lease.keepAlive() }
            group.addTask { try await client.watch(service) { snapshot in snapshots.change { $0.append(snapshot) } } }
            defer { group.cancelAll() }
            try await eventually { snapshots.value.last?.instances.map(\.id.text) == ["a"] }
            end.raise()
            try await eventually { await ServerCall(port: port).send("GET", "/readyz") == nil }
            let second = try await client.write(
                ConfigDraft(ConfigContent("2")),
                to: key,
                expecting: .revision(first.revision)
            )
            #expect(second.version == 2)
            // Longer than the time-to-live, several times over.
            try await ContinuousClock().sleep(for: .seconds(8))
            #expect(try await client.instances(of: service).instances.map(\.id.text) == ["a"])
            try await lease.update(try instance.applying(InstanceChange(weight: 7)))
            try await eventually { snapshots.value.last?.instances.map(\.weight) == [7] }
            let shown = snapshots.value.drop { $0.instances.isEmpty }
            #expect(shown.allSatisfy { $0.instances.map(\.id.text) == ["a"] })
            try await lease.revoke()
            try await eventually { snapshots.value.last?.instances.isEmpty == true }
        }
    }
}
