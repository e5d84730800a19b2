import Rollcall
import RollcallTesting
import Testing

@Suite("Client", .timeLimit(.minutes(1)))
struct ClientTests {
    @Test("a client from variables registers and finds")
    func wholePath() async throws {
        let configuration = try RollcallConfiguration(environment: [
            "ROLLCALL_BACKEND": "memory:", "ROLLCALL_NAMESPACE": "shop", "ROLLCALL_TTL": "3s", "ROLLCALL_DRAIN": "0s",
            "ROLLCALL_BALANCER": "round-robin", "ROLLCALL_LOOKUP_TIMEOUT": "20s", "ROLLCALL_IDLE_TIMEOUT": "1h",
            "PATH": "/bin",
        ])
        #expect(configuration.namespace.text == "shop")
        #expect(configuration.registrar.ttl == .seconds(3))
        #expect(configuration.discovery.idleTimeout == .seconds(3600))
        let instance = try ServiceInstanceTests.make()
        try await withRollcallClient(RollcallClient(configuration)) { client in
            let registrar = try client.registrar { instance }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await registrar.run() }
                let found = try await client.discovery.instance(of: instance.service)
                #expect(found.id == instance.id)
                group.cancelAll()
            }
            #expect(await client.health().isReachable)
            let error = await #expect(throws: BackendError.self) { try await client.run() }
            #expect(error?.code == .alreadyRunning)
        }
    }

    @Test(
        "an invalid value is an error that names the variable",
        arguments: [
            ("ROLLCALL_TTL", "ten"), ("ROLLCALL_TTL", "0s"), ("ROLLCALL_TTL", "-1s"), ("ROLLCALL_TTL", ""),
            ("ROLLCALL_DRAIN", "1"), ("ROLLCALL_NAMESPACE", ""), ("ROLLCALL_NAMESPACE", "a*"),
            ("ROLLCALL_BALANCER", "best"), ("ROLLCALL_LOOKUP_TIMEOUT", "soon"), ("ROLLCALL_IDLE_TIMEOUT", "x"),
            ("ROLLCALL_IDLE_TIMEOUT", "0s"),
            ("gosdTryFindServiceAmount", "0"), ("gosdTryFindServiceDelay", "many"),
        ]
    )
    func invalidVariables(_ name: String, _ value: String) {
        let error = #expect(throws: ValidationError.self) { try RollcallConfiguration(environment: [name: value]) }
        #expect(error?.field == name)
    }

    @Test(
        "gosd's variables stand for the look-up's time where ours is not set",
        arguments: [
            ([:], 15), (["gosdTryFindServiceAmount": "2"], 6), (["gosdTryFindServiceDelay": "1"], 5),
            (["gosdTryFindServiceAmount": "2", "gosdTryFindServiceDelay": "7"], 14),
            (["gosdTryFindServiceAmount": "2", "ROLLCALL_LOOKUP_TIMEOUT": "9s"], 9),
        ] as [([String: String], Int)]
    )
    func gosdVariables(_ environment: [String: String], _ seconds: Int) throws {
        let configuration = try RollcallConfiguration(environment: environment)
        #expect(configuration.discovery.lookupTimeout == .seconds(seconds))
    }

    @Test(
        "a kind of backend that the program lacks is named, with those that it has",
        arguments: ["etcd://a:1", "etcd", ""]
    )
    func unknownBackend(_ url: String) {
        let error = #expect(throws: BackendError.self) { try RollcallClient(RollcallConfiguration(backend: url)) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("memory:, noop:") == true)
    }

    @Test("the process's default is the first that was set")
    func processDefault() throws {
        let error = #expect(throws: BackendError.self) { try RollcallClient.default() }
        #expect(error?.code == .notFound)
        let first = RollcallClient(registry: NoopBackend())
        #expect(RollcallClient.setDefault(first) === first)
        #expect(RollcallClient.setDefault(RollcallClient(registry: NoopBackend())) === first)
        #expect(try RollcallClient.default() === first)
    }

    @Test("a scope returns what its body returns, and passes on what it throws")
    func scope() async throws {
        struct Failure: Error {}
        #expect(try await withRollcallClient(RollcallClient(registry: NoopBackend())) { _ in 7 } == 7)
        await #expect(throws: Failure.self) {
            try await withRollcallClient(RollcallClient(registry: NoopBackend())) { _ in throw Failure() }
        }
    }

    @Test("when the backend ends for good, readers reach the end and the scope says why")
    func fatalBackend() async throws {
        let backend = BreakingBackend(MemoryBackend(), runEndsWith: BackendError(.unauthenticated, "wrong token"))
        let service = try ServiceName("web")
        let error = await #expect(throws: BackendError.self) {
            try await withRollcallClient(RollcallClient(registry: backend)) { client in
                try await client.discovery.withUpdates(of: service) { updates in
                    for try await _ in updates {}
                }
                _ = try await client.discovery.snapshot(of: ServiceName("other"), within: .seconds(20))
            }
        }
        #expect(error?.code == .unauthenticated)
    }

    @Test("health is sampled again and again, sooner while it is bad")
    func health() async throws {
        let clock = ManualClock()
        let registry = MemoryRegistry()
        let configuration = RollcallConfiguration(discovery: DiscoveryConfiguration(clock: TimeSource(clock)))
        let client = RollcallClient(registry: MemoryBackend(registry: registry), configuration: configuration)
        try await withRollcallClient(client) { client in
            try await eventually { client.latestHealth?.isReachable == true }
            registry.setReachable(false)
            await clock.waitForSleepers(2)
            #expect(await client.health().isReachable, "a sample is kept for ten seconds")
            clock.advance(by: .seconds(10))
            try await eventually { await !client.health().isReachable }
            registry.setReachable(true)
            await clock.waitForSleepers(2)
            clock.advance(by: .seconds(2))
            try await eventually { await client.health().isReachable }
        }
    }
}
