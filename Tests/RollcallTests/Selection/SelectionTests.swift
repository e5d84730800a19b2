import Rollcall
import RollcallTesting
import Synchronization
import Testing

@Suite("Selection", .timeLimit(.minutes(1)))
struct SelectionTests {
    @Test("round robin begins at the first, alternates strictly, and goes on where it was after a change")
    func roundRobin() async throws {
        try await Self.withInstances(3, balancer: .roundRobin) { discovery, backend, service in
            let picked = try (0..<7).map { _ in try discovery.pick(service).id.text }
            #expect(picked == ["i0", "i1", "i2", "i0", "i1", "i2", "i0"])
            _ = try await backend.register(ObservationTests.make("web", "i3"), ttl: .seconds(60))
            try await eventually { discovery.currentSnapshot(of: service)?.instances.count == 4 }
            // Seven choices were made; the eighth is number 7 modulo 4.
            #expect(try discovery.pick(service).id.text == "i3")
            #expect(try discovery.pick(service).id.text == "i0")
        }
    }

    @Test("round robin is fair among many tasks at once")
    func concurrentRoundRobin() async throws {
        try await Self.withInstances(4, balancer: .roundRobin) { discovery, _, service in
            let counts = Tally()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        for _ in 0..<500 {
                            counts.add((try? discovery.pick(service).id.text) ?? "none")
                        }
                    }
                }
            }
            #expect(counts.all == ["i0": 1000, "i1": 1000, "i2": 1000, "i3": 1000])
        }
    }

    @Test("random chooses each with about the same frequency")
    func random() async throws {
        try await Self.withInstances(5, balancer: .random) { discovery, _, service in
            var counts: [String: Int] = [:]
            for _ in 0..<10_000 { counts[try discovery.pick(service).id.text, default: 0] += 1 }
            #expect(counts.count == 5)
            // 2000 each are expected, with a standard deviation of 40: 400 is ten of them.
            for count in counts.values { #expect(abs(count - 2000) < 400) }
        }
    }

    @Test("what does not pass or is drained is not chosen")
    func eligibility() async throws {
        try await Self.withInstances(3, balancer: .roundRobin) { discovery, backend, service in
            _ = try await backend.amend(service, id: InstanceID("i0"), InstanceChange(status: .warning))
            _ = try await backend.amend(service, id: InstanceID("i1"), InstanceChange(weight: 0))
            try await eventually { discovery.currentSnapshot(of: service)?[try InstanceID("i1")]?.weight == 0 }
            for _ in 0..<10 { #expect(try discovery.pick(service).id.text == "i2") }
        }
    }

    @Test("filters combine")
    func filters() throws {
        let instance = try ServiceInstance(
            service: ServiceName("web"),
            endpoints: [Endpoint("http://127.0.0.1:1")],
            version: SemanticVersion("1.4.2"),
            zone: "a",
            tags: ["blue", "new"],
            metadata: ["team": "shop"]
        )
        let legal: [InstanceFilter] = [
            .any, .passing, .sameHost, .zone("a"), .version(try VersionRange("^1.2")), .tags("new"),
            .tags("blue", "new"),
            .metadata("team", "shop"), .zone("a") && .tags("blue"), .zone("b") || .zone("a"), !.zone("b"),
        ]
        for filter in legal { #expect(filter(instance)) }
        let illegal: [InstanceFilter] = [
            .zone("b"), .version(try VersionRange("^2")), .tags("blue", "red"), .metadata("team", "x"),
            .zone("a") && .zone("b"), !.any,
        ]
        for filter in illegal { #expect(!filter(instance)) }
        let bare = try ServiceInstanceTests.make()
        #expect(!InstanceFilter.version(try VersionRange("*"))(bare))
        #expect(!InstanceFilter.sameHost(bare))
        #expect(InstanceFilter.sameHost(try bare.addingMetadata(ServiceInstance.automaticMetadata)))
    }

    @Test("a picker follows changes, has a filter and a turn of its own, and keeps the watch open")
    func picker() async throws {
        try await Self.withInstances(2, balancer: .random) { discovery, backend, service in
            var picker = discovery.picker(for: service, balancer: .roundRobin)
            #expect(picker.pick()?.id.text == "i0")
            #expect(picker.pick()?.id.text == "i1")
            _ = try await backend.amend(service, id: InstanceID("i0"), InstanceChange(status: .maintenance))
            try await eventually { discovery.currentSnapshot(of: service)?.instances[0].status == .maintenance }
            for _ in 0..<4 { #expect(picker.pick()?.id.text == "i1") }
            var maintained = discovery.picker(for: service, where: .only(InstanceFilter { $0.status == .maintenance }))
            #expect(maintained.pick()?.id.text == "i0")
            var nobody = discovery.picker(for: service, where: .only(!.any))
            #expect(nobody.pick() == nil)
        }
    }

    @Test("a balancer of a third party that names an index beyond the end does no harm", arguments: [-5, 99])
    func foreignBalancer(_ index: Int) async throws {
        try await Self.withInstances(2, balancer: FixedBalancer(index: index)) { discovery, _, service in
            let picked = try discovery.pick(service)
            #expect(picked.id.text == (index < 0 ? "i0" : "i1"))
        }
    }

    @Test("after a failure that allows it another instance is tried, each once")
    func failOver() async throws {
        try await Self.withInstances(3, balancer: .random) { discovery, _, service in
            var tried: [String] = []
            let answer = try await discovery.withInstance(of: service, attempts: 3, retryingIf: { _ in true }) {
                instance in
                tried.append(instance.id.text)
                if tried.count < 3 { throw Failure() }
                return 42
            }
            #expect(answer == 42)
            #expect(Set(tried).count == 3)
            tried = []
            await #expect(throws: Failure.self) {
                try await discovery.withInstance(of: service, attempts: 10, retryingIf: { _ in true }) { instance in
                    tried.append(instance.id.text)
                    throw Failure()
                }
            }
            #expect(tried.sorted() == ["i0", "i1", "i2"], "no instance is tried twice")
        }
    }

    @Test("without leave nothing is tried twice")
    func noFailOver() async throws {
        try await Self.withInstances(3, balancer: .random) { discovery, _, service in
            var calls = 0
            await #expect(throws: Failure.self) {
                try await discovery.withInstance(of: service, attempts: 3) { _ in
                    calls += 1
                    throw Failure()
                }
            }
            #expect(calls == 1)
        }
    }

    private struct Failure: Error {}

    private struct FixedBalancer: Balancer {
        struct Table: BalancerTable {
            let index: Int
            func pick(_ request: PickRequest) -> Int { self.index }
        }

        let index: Int

        func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
            Table(index: self.index)
        }
    }

    private static func withInstances(
        _ count: Int,
        balancer: any Balancer,
        _ body: (Discovery, MemoryBackend, ServiceName) async throws -> Void
    ) async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend, configuration: DiscoveryConfiguration(balancer: balancer))
        let service = try ServiceName("web")
        for number in 0..<count {
            _ = try await backend.register(ObservationTests.make("web", "i\(number)"), ttl: .seconds(60))
        }
        try await withDiscovery(discovery) {
            _ = try await discovery.snapshot(of: service)
            try await body(discovery, backend, service)
        }
    }
}
