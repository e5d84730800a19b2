import Rollcall
import RollcallTesting
import Testing

@Suite("Discovery", .timeLimit(.minutes(1)))
struct DiscoveryTests {
    @Test("a look-up before run() waits its time and then says that nothing runs")
    func notRunning() async throws {
        let discovery = Discovery(backend: MemoryBackend())
        let service = try ServiceName("web")
        for lookup: () async throws -> Void in [
            { _ = try await discovery.snapshot(of: service, within: .milliseconds(20)) },
            { _ = try await discovery.instance(of: service, within: .milliseconds(20)) },
        ] {
            let error = await #expect(throws: BackendError.self) { try await lookup() }
            #expect(error?.code == .notRunning)
        }
        let error = #expect(throws: BackendError.self) { try discovery.pick(service) }
        #expect(error?.code == .notFound)
    }

    @Test("a look-up before run() is answered once it runs")
    func waitsForRun() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        let service = try ServiceName("web")
        try await withThrowingTaskGroup(of: ServiceSnapshot.self) { group in
            group.addTask { try await discovery.snapshot(of: service, within: .seconds(20)) }
            try await withDiscovery(discovery) {
                let snapshot = try await group.next()
                #expect(snapshot?.instances.isEmpty == true)
            }
        }
    }

    @Test("a hundred waiters are all answered when the first instance comes")
    func manyWaiters() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        let instance = try ServiceInstanceTests.make()
        try await withDiscovery(discovery) {
            try await withThrowingTaskGroup(of: ServiceInstance.self) { group in
                for _ in 0..<100 {
                    group.addTask { try await discovery.instance(of: instance.service, within: .seconds(20)) }
                }
                try await eventually { WorkGauge.active >= 100 }
                _ = try await backend.register(instance, ttl: .seconds(60))
                var count = 0
                for try await found in group { count += found.id == instance.id ? 1 : 0 }
                #expect(count == 100)
            }
        }
    }

    @Test("a look-up that finds nothing in time says what there is")
    func explanations() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        let instance = try ServiceInstanceTests.make()
        try await withDiscovery(discovery) {
            var error = await #expect(throws: BackendError.self) {
                try await discovery.instance(of: instance.service, within: .milliseconds(50))
            }
            #expect(error?.code == .notFound)
            #expect(error?.message == "no instance is registered")
            _ = try await backend.register(instance.applying(InstanceChange(status: .critical)), ttl: .seconds(60))
            error = await #expect(throws: BackendError.self) {
                try await discovery.instance(of: instance.service, within: .milliseconds(50))
            }
            #expect(error?.message == "of 1 registered none may be chosen: 1 critical")
        }
    }

    @Test("all observers of a service share one watch, which ends with the last of them")
    func sharing() async throws {
        let registry = MemoryRegistry()
        let discovery = Discovery(backend: MemoryBackend(registry: registry))
        let service = try ServiceName("web")
        try await withDiscovery(discovery) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        try await discovery.withUpdates(of: service) { updates in
                            for try await _ in updates {}
                        }
                    }
                }
                try await eventually { registry.watchCount == 1 }
                #expect(discovery.observedServices == [service])
                group.cancelAll()
                while let result = await group.nextResult() {
                    #expect(throws: BackendError.self) { try result.get() }
                }
            }
            try await eventually { registry.watchCount == 0 }
            #expect(discovery.observedServices.isEmpty)
        }
    }

    @Test("a service that nobody looks up any more is no longer watched")
    func idleness() async throws {
        let registry = MemoryRegistry()
        let clock = ManualClock()
        var configuration = DiscoveryConfiguration(idleTimeout: .seconds(600), clock: TimeSource(clock))
        // Looks past the watch sleep on the same clock; no round of them comes before the end.
        configuration.refreshInterval = .seconds(1_000_000)
        let discovery = Discovery(backend: MemoryBackend(registry: registry), configuration: configuration)
        let service = try ServiceName("web")
        try await withDiscovery(discovery) {
            #expect(discovery.currentSnapshot(of: service) == nil)
            try await eventually { registry.watchCount == 1 }
            await clock.waitForSleepers(2)
            // Used since the last round: stays. Unused for a whole timeout after that: goes.
            for _ in 0..<2 {
                #expect(registry.watchCount == 1)
                clock.advance(by: .seconds(300))
                await clock.waitForSleepers(2)
            }
            clock.advance(by: .seconds(300))
            try await eventually { registry.watchCount == 0 }
        }
    }

    @Test("while the backend is away the last good view stays, marked as stale, and comes back to life")
    func staleness() async throws {
        let registry = MemoryRegistry()
        let backend = MemoryBackend(registry: registry)
        let discovery = Discovery(backend: backend)
        let instance = try ServiceInstanceTests.make()
        _ = try await backend.register(instance, ttl: .seconds(60))
        try await withDiscovery(discovery) {
            _ = try await discovery.instance(of: instance.service)
            registry.setReachable(false)
            try await eventually { discovery.currentSnapshot(of: instance.service)?.freshness != .live }
            #expect(try discovery.pick(instance.service).id == instance.id)
            registry.setReachable(true)
            try await eventually { discovery.currentSnapshot(of: instance.service)?.freshness == .live }
        }
        #expect(try discovery.pick(instance.service).id == instance.id, "the tables stay readable after the end")
    }

    @Test("a watch that breaks is opened again, and the view between is stale")
    func brokenWatch() async throws {
        let memory = MemoryBackend()
        let backend = BreakingBackend(memory)
        let discovery = Discovery(backend: backend)
        let instance = try ServiceInstanceTests.make()
        _ = try await memory.register(instance, ttl: .seconds(60))
        try await withDiscovery(discovery) {
            try await discovery.withUpdates(of: instance.service) { updates in
                var reader = updates.makeAsyncIterator()
                var revision: UInt64 = 0
                for _ in 0..<3 {
                    for isLive in [true, false] {
                        let snapshot = try #require(try await reader.next())
                        #expect(snapshot.revision > revision)
                        #expect((snapshot.freshness == .live) == isLive)
                        #expect(snapshot.instances.count == 1)
                        revision = snapshot.revision
                        if isLive { backend.breakWatches() }
                    }
                }
            }
        }
    }

    @Test("run() can be called once")
    func runTwice() async throws {
        let discovery = Discovery(backend: MemoryBackend())
        try await withDiscovery(discovery) {
            let error = await #expect(throws: BackendError.self) { try await discovery.run() }
            #expect(error?.code == .alreadyRunning)
        }
        let error = await #expect(throws: BackendError.self) { try await discovery.run() }
        #expect(error?.code == .alreadyRunning)
    }
}
