import HTTPEngine
import Rollcall
import RollcallService
import RollcallTesting
import Testing

@Suite("Client of a heart-beat registry", .timeLimit(.minutes(1)))
struct HeartbeatRegistryTests {
    private static func runner(
        _ name: String,
        _ backend: HeartbeatRegistryBackend,
        _ client: RollcallClient,
        requires: [ServiceName] = []
    ) throws -> ServiceRunner {
        let handler = backend.handler { exchange in exchange.respond(200, "text/plain", body: Array(name.utf8)) }
        let configuration = quickly(requires: requires)
        return ServiceRunner(
            service: try ServiceName(name),
            client: client,
            configuration: configuration,
            port: 0,
            handler: handler
        )
    }

    private static func info(_ name: String, _ address: String) throws -> HeartbeatServiceInfo {
        HeartbeatServiceInfo(name: try ServiceName(name), address: address)
    }

    private static func push(_ body: [UInt8], to backend: HeartbeatRegistryBackend, from sender: String) -> Int? {
        backend.answer(method: "POST", path: "/services", body: body, sender: sender)?.status
    }

    @Test("registers with what it needs, answers heart-beats, learns by pushes, leaves before it stops")
    func life() async throws {
        try await withFakeRegistry { registry, configuration in
            let log = try ServiceName("log")
            try await registry.add(Self.info("log", "127.0.0.1:7001"))
            let backend = try HeartbeatRegistryBackend(configuration: configuration)
            try await withRollcallClient(RollcallClient(registry: backend)) { client in
                let runner = try Self.runner("visit", backend, client, requires: [log])
                try await withRunner(runner) { runner in
                    let endpoint = try #require(runner.endpoints.first)
                    let registered = registry.all.first { $0.name == runner.service }
                    #expect(registered?.address == endpoint.authority)
                    #expect(registered?.requires == [log])
                    #expect(try await client.discovery.instance(of: log).endpoint.authority == "127.0.0.1:7001")

                    let second = try Self.info("log", "127.0.0.1:7002")
                    try await registry.add(second)
                    try await eventually { client.discovery.currentSnapshot(of: log)?.instances.count == 2 }
                    try await registry.remove(second)
                    try await eventually { client.discovery.currentSnapshot(of: log)?.instances.count == 1 }
                    for method in ["GET", "HEAD", "POST", "DELETE"] {
                        #expect(try await fetch("/heart-beat", at: endpoint, method: method).status == 200)
                    }
                    #expect(try await fetch("/anything", at: endpoint).body == "visit")
                }
                #expect(!registry.all.contains { $0.name == runner.service })
                #expect(registry.record.all.last?.hasPrefix("DELETE visit") == true, "\(registry.record.all)")
            }
        }
    }

    @Test("a push that overtakes the answer of the registration counts")
    func overtaking() async throws {
        try await withFakeRegistry { registry, configuration in
            let log = try ServiceName("log")
            let (first, second) = (try Self.info("log", "127.0.0.1:7001"), try Self.info("log", "127.0.0.1:7002"))
            try await registry.add(first)
            // The answer is written by then: it has the first alone.
            registry.beforeNextAnswer {
                try await registry.add(second)
                try await registry.remove(first)
            }
            let backend = try HeartbeatRegistryBackend(configuration: configuration)
            try await withRollcallClient(RollcallClient(registry: backend)) { client in
                try await withRunner(Self.runner("visit", backend, client, requires: [log])) { _ in
                    let instances = try await backend.instances(of: log).instances
                    #expect(instances.map(\.id.text) == ["127.0.0.1:7002"])
                    #expect(registry.record.all.last?.hasPrefix("DELETE 127.0.0.1:7001 to") == true)
                    #expect(registry.record.all.last?.hasSuffix(": 200") == true)
                }
            }
        }
    }

    @Test("when heart-beats stop it registers again, and takes out first what may be left")
    func silence() async throws {
        try await withFakeRegistry { registry, configuration in
            let clock = ManualClock()
            var configuration = configuration
            configuration.clock = TimeSource(clock)
            let backend = try HeartbeatRegistryBackend(configuration: configuration)
            try await withRollcallClient(RollcallClient(registry: backend)) { client in
                try await withRunner(Self.runner("web", backend, client)) { runner in
                    let own = try #require(registry.all.first)
                    await clock.waitForSleepers()
                    clock.advance(by: .seconds(50))
                    #expect(try await registry.sweep() == [200])
                    clock.advance(by: .seconds(50))
                    await clock.waitForSleepers()
                    #expect(registry.record.all.count { $0.hasPrefix("POST web") } == 1)

                    registry.forget()
                    clock.advance(by: .seconds(30))
                    try await eventually { registry.all == [own] }
                    let calls = registry.record.all.filter { $0.contains("web") }
                    #expect(calls.map { $0.prefix(6) } == ["POST w", "DELETE", "POST w"])
                    _ = runner
                }
            }
        }
    }

    @Test("pushes of others are refused, and so is what is no push")
    func refusals() async throws {
        try await withFakeRegistry { registry, configuration in
            let log = try ServiceName("log")
            let push = Array(try Self.info("log", "127.0.0.1:7001").json)
            let backend = try HeartbeatRegistryBackend(configuration: configuration)
            #expect(Self.push(push, to: backend, from: "127.0.0.1") == 403, "before anything was registered")
            try await withRollcallClient(RollcallClient(registry: backend)) { client in
                try await withRunner(Self.runner("visit", backend, client, requires: [log])) { runner in
                    let endpoint = try #require(runner.endpoints.first)
                    for sender in ["10.9.9.9", "", "::2", "127.0.0.1.evil"] {
                        #expect(Self.push(push, to: backend, from: sender) == 403)
                    }
                    let read = try await fetch("/services", at: endpoint)
                    #expect(read.status == 405)
                    #expect(read.head.fields.first("allow") == "POST, DELETE")
                    let bad = [
                        "", "{", "[]", "{}", #"{"Name":"log"}"#, #"{"Name":"log","Addr":"no port"}"#,
                        #"{"Name":"log","Addr":"127.0.0.1"}"#, #"{"Name":"log","Addr":"127.0.0.1:80/path"}"#,
                    ]
                    for body in bad {
                        let status = try await fetch("/services", at: endpoint, method: "POST", body: body).status
                        #expect(status == 400, "\(body)")
                    }
                    let long = String(repeating: " ", count: HeartbeatRegistryBackend.maximumPush + 1)
                    #expect(try await fetch("/services", at: endpoint, method: "POST", body: long).status == 413)
                    let unknown = String(decoding: try Self.info("gateway", "127.0.0.1:7009").json, as: UTF8.self)
                    #expect(try await fetch("/services", at: endpoint, method: "POST", body: unknown).status == 200)
                    #expect(try await backend.services().isEmpty)
                    let lower = #"{"name":"log","addr":"127.0.0.1:7001","requiredservices":null}"#
                    #expect(try await fetch("/services", at: endpoint, method: "POST", body: lower).status == 200)
                    #expect(try await backend.services().map(\.service) == [log])
                    let mapped = Self.push(push, to: backend, from: "::ffff:127.0.0.1")
                    #expect(mapped == 200)
                    #expect(try await backend.services().map(\.service) == [log])
                    #expect(backend.answer(method: "GET", path: "/", body: [], sender: "") == nil)
                }
            }
        }
    }

    @Test("a missing service is none, and one that is there twice is there once")
    func missing() async throws {
        try await withFakeRegistry { registry, configuration in
            let log = try ServiceName("log")
            let backend = try HeartbeatRegistryBackend(configuration: configuration)
            try await withRollcallClient(RollcallClient(registry: backend)) { client in
                try await withRunner(Self.runner("visit", backend, client, requires: [log])) { _ in
                    #expect(try await client.discovery.snapshot(of: log).instances.isEmpty)
                    let error = #expect(throws: BackendError.self) { try client.discovery.pick(log) }
                    #expect(error?.code == .notFound)
                    let one = try Self.info("log", "127.0.0.1:7001")
                    try await registry.add(one)
                    try await registry.add(one)
                    try await eventually { client.discovery.currentSnapshot(of: log)?.instances.count == 1 }
                }
            }
        }
    }

    @Test("one value registers one instance; maintenance takes it out, passing brings it back")
    func one() async throws {
        try await withFakeRegistry { registry, configuration in
            let backend = try HeartbeatRegistryBackend(configuration: configuration)
            let web = try ServiceInstance(service: ServiceName("web"), endpoints: [Endpoint("http://127.0.0.1:7001")])
            let lease = try await backend.register(web, ttl: .seconds(10))
            let other = try ServiceInstance(service: ServiceName("web"), endpoints: [Endpoint("http://127.0.0.1:7002")])
            let error = await #expect(throws: BackendError.self) {
                try await backend.register(other, ttl: .seconds(10))
            }
            #expect(error?.code == .invalidArgument)
            try await lease.update(web.applying(InstanceChange(status: .maintenance)))
            #expect(registry.all.isEmpty)
            try await lease.update(web)
            #expect(registry.all.map(\.address) == ["127.0.0.1:7001"])
            try await lease.revoke()
            try await lease.revoke()
            #expect(registry.all.isEmpty)
            _ = try await backend.register(other, ttl: .seconds(10))
        }
    }

    @Test("pushes are taken from where the registry is now; a resolver that is away changes nothing")
    func moved() async throws {
        try await withFakeRegistry { registry, configuration in
            let log = try ServiceName("log")
            let push = Array(try Self.info("log", "127.0.0.1:7001").json)
            let hosts = MutexBox<[String]?>(["10.0.0.1"])
            let backend = try HeartbeatRegistryBackend(configuration: configuration) {
                (_) async throws(ConnectionError) in
                guard let hosts = hosts.value else { throw ConnectionError(.refused, "no thread") }
                return hosts.compactMap { SocketAddress(host: $0, port: 0) }
            }
            func statuses() -> [Int?] {
                ["10.0.0.1", "10.0.0.2"].map { Self.push(push, to: backend, from: $0) }
            }
            let web = try ServiceInstance(
                service: ServiceName("web"),
                endpoints: [Endpoint("http://127.0.0.1:7002")],
                requires: [log]
            )
            let lease = try await backend.register(web, ttl: .seconds(10))
            #expect(statuses() == [200, 403])
            for found: [String]? in [["10.0.0.2"], [], nil] {
                hosts.change { $0 = found }
                try await lease.revoke()
                _ = try await backend.register(web, ttl: .seconds(10))
                #expect(statuses() == [403, 200])
            }
        }
    }

    @Test("a registry that is away, and one that is none, is told as that")
    func faults() async throws {
        let free = try HTTPServer(host: "127.0.0.1", port: 0) { $0.respond(404) }
        let web = try ServiceInstance(service: ServiceName("web"), endpoints: [Endpoint("http://127.0.0.1:7001")])
        let port = free.address.port
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await free.run() }
            let backend = try HeartbeatRegistryBackend(configuration: HeartbeatRegistryConfiguration(port: port))
            #expect(await backend.health().isReachable)
            let error = await #expect(throws: BackendError.self) { try await backend.register(web, ttl: .seconds(10)) }
            #expect(error?.code == .protocolViolation)
            await free.shutDown(within: .seconds(1))
        }
        let backend = try HeartbeatRegistryBackend(configuration: HeartbeatRegistryConfiguration(port: port))
        #expect(await !backend.health().isReachable)
        let error = await #expect(throws: BackendError.self) { try await backend.register(web, ttl: .seconds(10)) }
        #expect(error?.code == .unavailable)
        #expect(error?.applied == .no)
    }
}
