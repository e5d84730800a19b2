import Rollcall
import RollcallTesting
import Testing

@Suite("Observation", .timeLimit(.minutes(1)))
struct ObservationTests {
    @Test("events tell each change once, after the table changed, with the reason of a removal")
    func events() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        let instance = try ServiceInstanceTests.make()
        let lease = try await backend.register(instance, ttl: .seconds(60))
        try await withDiscovery(discovery) {
            try await discovery.withEvents(of: instance.service) { events in
                var reader = events.makeAsyncIterator()
                guard case .registered(let first) = try await reader.next() else {
                    Issue.record("the first event registers what is there")
                    return
                }
                #expect(first.id == instance.id)
                try await lease.update(instance.applying(InstanceChange(weight: 7)))
                guard case .updated(let old, let new) = try await reader.next() else {
                    Issue.record("the second event is the update")
                    return
                }
                #expect((old.weight, new.weight) == (1, 7))
                #expect(discovery.currentSnapshot(of: instance.service)?.instances.first?.weight == 7)
                try await lease.revoke()
                guard case .removed(let last, let reason) = try await reader.next() else {
                    Issue.record("the third event is the removal")
                    return
                }
                #expect(last.weight == 7)
                #expect(reason == .deregistered)
                #expect(discovery.currentSnapshot(of: instance.service)?.instances.isEmpty == true)
            }
        }
    }

    @Test("a pattern covers services that come later, tells why they leave, and sees them return")
    func patterns() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        try await withDiscovery(discovery) {
            try await discovery.withEvents(matching: ServicePattern("team-*")) { events in
                var reader = events.makeAsyncIterator()
                for round in 0..<3 {
                    _ = try await backend.register(Self.make("other", "o\(round)"), ttl: .seconds(60))
                    let lease = try await backend.register(Self.make("team-a", "x"), ttl: .seconds(60))
                    #expect(Self.text(try await reader.next()) == "+team-a/x")
                    _ = try await backend.register(Self.make("team-b", "y\(round)"), ttl: .seconds(60))
                    #expect(Self.text(try await reader.next()) == "+team-b/y\(round)")
                    try await lease.revoke()
                    #expect(Self.text(try await reader.next()) == "-team-a/x deregistered")
                }
            }
            try await eventually { discovery.observedServices.isEmpty }
        }
    }

    @Test("a pattern without a star observes that one service")
    func exactPattern() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        _ = try await backend.register(Self.make("web", "x"), ttl: .seconds(60))
        _ = try await backend.register(Self.make("web2", "y"), ttl: .seconds(60))
        try await withDiscovery(discovery) {
            try await discovery.withUpdates(matching: ServicePattern("web")) { updates in
                var reader = updates.makeAsyncIterator()
                let first = try await reader.next()
                #expect(first?.instances.map(\.id.text) == ["x"])
            }
        }
    }

    @Test("a thousand services under one pattern are all seen")
    func manyServices() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        for number in 0..<1000 {
            _ = try await backend.register(Self.make("s\(number)", "x"), ttl: .seconds(60))
        }
        try await withDiscovery(discovery) {
            try await discovery.withUpdates(matching: .all) { updates in
                var seen: Set<ServiceName> = []
                for try await snapshot in updates {
                    seen.insert(snapshot.service)
                    if seen.count == 1000 { break }
                }
                #expect(seen.count == 1000)
            }
        }
    }

    @Test("an observation by pattern that follows another at once sees what is there")
    func consecutivePatterns() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        _ = try await backend.register(Self.make("web", "x"), ttl: .seconds(60))
        try await withDiscovery(discovery) {
            for _ in 0..<50 {
                try await discovery.withUpdates(matching: .all) { updates in
                    var reader = updates.makeAsyncIterator()
                    let first = try await reader.next()
                    #expect(first?.instances.map(\.id.text) == ["x"])
                }
            }
        }
    }

    @Test("when the discovery ends, readers get the last view as stale, and then the end", arguments: ["web", "*"])
    func end(_ pattern: String) async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        let parsed = try ServicePattern(pattern)
        _ = try await backend.register(Self.make("web", "x"), ttl: .seconds(60))
        let reading = Signal()
        let seen = try await withThrowingTaskGroup(of: [Bool].self) { group in
            group.addTask {
                try await discovery.withUpdates(matching: parsed) { updates in
                    var seen: [Bool] = []
                    for try await snapshot in updates {
                        seen.append(snapshot.freshness == .live)
                        reading.raise()
                    }
                    return seen
                }
            }
            try await withDiscovery(discovery) { await reading.wait() }
            return try await group.next()
        }
        #expect(seen == [true, false])
        let service = try ServiceName("web")
        #expect(discovery.currentSnapshot(of: service)?.freshness != .live)
        #expect(try discovery.pick(service).id.text == "x", "the table stays readable")
        try await discovery.withUpdates(of: service) { updates in
            var reader = updates.makeAsyncIterator()
            let last = try await reader.next()
            #expect(last?.instances.count == 1)
            let end = try await reader.next()
            #expect(end == nil)
        }
        let error = await #expect(throws: BackendError.self) {
            try await discovery.snapshot(of: ServiceName("other"), within: .seconds(20))
        }
        #expect(error?.code == .notRunning)
    }

    @Test("a reader that is cancelled gets `cancelled`, and nothing of it remains")
    func cancellation() async throws {
        let registry = MemoryRegistry()
        let discovery = Discovery(backend: MemoryBackend(registry: registry))
        try await withDiscovery(discovery) {
            for pattern in ["web", "*"] {
                let parsed = try ServicePattern(pattern)
                try await withThrowingTaskGroup(of: BackendError.Code?.self) { group in
                    group.addTask {
                        do {
                            return try await discovery.withUpdates(matching: parsed) { updates in
                                for try await _ in updates {}
                                return nil
                            }
                        } catch {
                            return (error as? BackendError)?.code
                        }
                    }
                    try await eventually { registry.watchCount > 0 }
                    group.cancelAll()
                    let code = try await group.next() ?? nil
                    #expect(code == .cancelled)
                }
                try await eventually { registry.watchCount == 0 }
            }
        }
    }

    static func make(_ service: String, _ id: String, port: Int = 1) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName(service),
            id: InstanceID(id),
            endpoints: [Endpoint(scheme: "http", host: "127.0.0.1", port: port)]
        )
    }

    private static func text(_ event: ServiceEvent?) -> String {
        switch event {
        case nil: "the end"
        case .registered(let instance): "+\(instance.service)/\(instance.id)"
        case .updated(_, let instance): "=\(instance.service)/\(instance.id)"
        case .removed(let instance, let reason): "-\(instance.service)/\(instance.id) \(reason.rawValue)"
        }
    }
}
