import HTTPEngine
import Rollcall
import RollcallHub
import RollcallService
import RollcallTesting
import Testing

@Suite("Client of the heart-beat protocol on the hub", .timeLimit(.minutes(1)))
struct HubTests {
    private static func instance(_ name: String, _ address: String) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName(name),
            id: InstanceID(name),
            endpoints: [Endpoint("http://" + address)]
        )
    }

    @Test("it is in the hub's store while it runs, is checked, and is told of what it requires")
    func life() async throws {
        let hub = try HubServer(HubServer.Configuration(port: 0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await hub.run() }
            let log = try ServiceName("log")
            let first = try Self.instance("log", "127.0.0.1:7001")
            let lease = try hub.store.register(first, in: .default, ttl: .seconds(60))
            let beats = Record()
            let configuration = HeartbeatRegistryConfiguration(port: hub.port)
            let backend = try HeartbeatRegistryBackend(configuration: configuration)
            try await withRollcallClient(RollcallClient(registry: backend)) { client in
                let handler = backend.handler { $0.respond(200) }
                let runner = ServiceRunner(
                    service: try ServiceName("visit"),
                    client: client,
                    configuration: quickly(requires: [log]),
                    port: 0
                ) { exchange in
                    if exchange.head.path == "/heart-beat" { beats.add("beat") }
                    try await handler(exchange)
                }
                let visit = runner.service
                try await withRunner(runner) { _ in
                    #expect(try await Self.ids(of: visit, in: hub) == runner.endpoints.map(\.authority))
                    #expect(try await client.discovery.instance(of: log).endpoint.port == 7001)
                    let second = try ServiceInstance(service: log, endpoints: [Endpoint("http://127.0.0.1:7002")])
                    let other = try hub.store.register(second, in: .default, ttl: .seconds(60))
                    try await eventually { client.discovery.currentSnapshot(of: log)?.instances.count == 2 }
                    try hub.store.revoke(other.token, in: .default)
                    try await eventually { client.discovery.currentSnapshot(of: log)?.instances.count == 1 }
                    try await eventually { !beats.all.isEmpty }
                }
                #expect(try await Self.ids(of: visit, in: hub).isEmpty)
            }
            _ = lease
            await hub.shutDown()
        }
    }

    private static func ids(of service: ServiceName, in hub: HubServer) async throws -> [String] {
        let answer = try await fetch("/v1/services/\(service)", at: try Endpoint(hub.url))
        var ids: [String] = []
        var reader = JSONReader(answer.body.utf8)
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "instances" else { return try reader.skip() }
            try reader.array { (reader) throws(ValidationError) in
                ids.append(try ServiceInstance.read(from: &reader, service: nil, id: nil).id.text)
            }
        }
        return ids
    }
}
