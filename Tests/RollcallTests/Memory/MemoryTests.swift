import Rollcall
import RollcallTesting
import Synchronization
import Testing

@Suite("Memory and noop", .timeLimit(.minutes(1)))
struct MemoryTests {
    @Test("a machine that stood still loses nobody: a late tick extends every lease")
    func lateTick() async throws {
        let clock = ManualClock()
        let backend = MemoryBackend(registry: MemoryRegistry(clock: TimeSource(clock)))
        let instance = try ServiceInstanceTests.make()
        try await withBackend(backend) {
            let lease = try await backend.register(instance, ttl: .seconds(10))
            await clock.waitForSleepers()
            // As after SIGSTOP for three times-to-live: the next tick comes thirty seconds late.
            clock.advance(by: .seconds(30))
            await clock.waitForSleepers()
            #expect(try await backend.instances(of: instance.service).instances.count == 1)
            try await lease.renew()
            for _ in 0..<99 { await clock.tick() }
            #expect(try await backend.instances(of: instance.service).instances.count == 1)
            clock.advance(by: .milliseconds(100))
            try await eventually { try await backend.instances(of: instance.service).instances.isEmpty }
        }
    }

    @Test("a lease that nobody renews ends to the tick, and the next one does not wait")
    func expiry() async throws {
        let clock = ManualClock()
        let backend = MemoryBackend(registry: MemoryRegistry(clock: TimeSource(clock)))
        let instance = try ServiceInstanceTests.make()
        try await withBackend(backend) {
            _ = try await backend.register(instance, ttl: .seconds(10))
            await clock.waitForSleepers()
            for _ in 0..<99 { await clock.tick() }
            #expect(try await backend.instances(of: instance.service).instances.count == 1)
            clock.advance(by: .milliseconds(100))
            try await eventually { try await backend.instances(of: instance.service).instances.isEmpty }
        }
    }

    @Test("namespaces do not see each other")
    func namespaces() async throws {
        let registry = MemoryRegistry()
        let one = MemoryBackend(registry: registry, namespace: try Namespace("one"))
        let two = MemoryBackend(registry: registry, namespace: try Namespace("two"))
        let instance = try ServiceInstanceTests.make()
        let lease = try await one.register(instance, ttl: .seconds(10))
        #expect(try await two.instances(of: instance.service).instances.isEmpty)
        #expect(try await two.services().isEmpty)
        let foreign = await #expect(throws: BackendError.self) { try await two.lease(resuming: lease.token) }
        #expect(foreign?.code == .leaseLost)
    }

    @Test("of two run() at once one is refused, and after the end it may run again")
    func runTwice() async throws {
        let backend = MemoryBackend()
        for _ in 0..<2 {
            let code = await withTaskGroup(of: BackendError.Code?.self) { group in
                for _ in 0..<2 {
                    group.addTask {
                        do throws(BackendError) {
                            try await backend.run()
                            return nil
                        } catch {
                            return error.code
                        }
                    }
                }
                let first = await group.next() ?? nil
                group.cancelAll()
                return first
            }
            #expect(code == .alreadyRunning)
        }
    }

    @Test("health tells whether the registry answers")
    func health() async {
        let registry = MemoryRegistry()
        let backend = MemoryBackend(registry: registry)
        #expect(await backend.health().isReachable)
        registry.setReachable(false)
        let away = await backend.health()
        #expect(!away.isReachable && !away.canWrite)
        #expect(away.error == .unavailable)
    }

    @Test("a watch shows its last view as stale while the registry is away")
    func staleness() async throws {
        let registry = MemoryRegistry()
        let backend = MemoryBackend(registry: registry)
        let instance = try ServiceInstanceTests.make()
        _ = try await backend.register(instance, ttl: .seconds(10))
        let seen = SnapshotMailbox.snapshots()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await backend.watch(instance.service) { seen.offer($0, for: $0.service) } }
            #expect(try await seen.next()?.freshness == .live)
            registry.setReachable(false)
            let stale = try await seen.next()
            #expect(stale?.freshness != .live)
            #expect(stale?.instances.count == 1)
            registry.setReachable(true)
            #expect(try await seen.next()?.freshness == .live)
            group.cancelAll()
        }
    }

    @Test("the noop backend takes everything and shows nothing")
    func noop() async throws {
        let backend = NoopBackend()
        let instance = try ServiceInstanceTests.make()
        let lease = try await backend.register(instance, ttl: .seconds(3))
        #expect(lease.ttl == .seconds(3))
        #expect(try await backend.instances(of: instance.service).instances.isEmpty)
        #expect(try await backend.services().isEmpty)
        try await lease.renew()
        try await lease.update(instance)
        try await backend.remove(instance.service, id: instance.id)
        let seen = SnapshotMailbox.snapshots()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { _ = try? await backend.watch(instance.service) { seen.offer($0, for: $0.service) } }
            #expect((try? await seen.next())??.instances.isEmpty == true)
            group.cancelAll()
        }
        try await lease.revoke()
        for operation in [lease.renew, { () async throws(BackendError) in try await lease.keepAlive() }] {
            let error = await #expect(throws: BackendError.self) { try await operation() }
            #expect(error?.code == .closed)
        }
        #expect(await backend.health().canWrite)
    }
}

/// Runs a backend for as long as `body` runs.
func withBackend(_ backend: any RegistryBackend, _ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        let started = Signal()
        group.addTask {
            started.raise()
            try? await backend.run()
        }
        await started.wait()
        defer { group.cancelAll() }
        try await body()
    }
}

extension ManualClock {
    /// Moves on by a tick of the registry, which sleeps again afterwards.
    func tick() async {
        self.advance(by: .milliseconds(100))
        await self.waitForSleepers()
    }
}
