import Rollcall
import RollcallTesting
import Synchronization
import Testing

@Suite("Registrar", .timeLimit(.minutes(1)))
struct RegistrarTests {
    @Test("a stopping service loses no request")
    func noRequestIsLost() async throws {
        let registry = MemoryRegistry()
        let callers = RollcallClient(registry: MemoryBackend(registry: registry))
        let service = try ServiceName("web")
        let servers = [SimulatedServer(), SimulatedServer()]
        let (calls, clock) = (Tally(), ManualClock())
        try await withRollcallClient(callers) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                let backend = MemoryBackend(registry: registry)
                let registrars = try servers.indices.map { index in
                    let instance = try ObservationTests.make("web", "i\(index)")
                    return try Registrar(
                        backend: backend,
                        configuration: RegistrarConfiguration(
                            ttl: .seconds(30),
                            drain: .seconds(1),
                            clock: TimeSource(clock)
                        )
                    ) { instance }
                }
                for (registrar, server) in zip(registrars, servers) {
                    group.addTask {
                        // In the order of a group of services: the registrar ends first, then the server.
                        try await registrar.run()
                        await server.stop()
                    }
                }
                for registrar in registrars { try await registrar.waitUntilRegistered() }
                let callers = (0..<4).map { "caller \($0)" }
                for caller in callers {
                    group.addTask {
                        while !Task.isCancelled {
                            let instance = try await client.discovery.instance(of: service)
                            let isAnswered = await servers[instance.id.text == "i0" ? 0 : 1].handle()
                            calls.add(isAnswered ? "answered" : "lost")
                            calls.add(caller)
                        }
                    }
                }
                try await eventually { servers.allSatisfy { $0.handled > 20 } }
                registrars[0].beginShutdown()
                try await eventually {
                    let known = client.discovery.currentSnapshot(of: service)?.instances
                    return known?.first { $0.id.text == "i0" }?.status == .maintenance
                }
                // The drain is there for those who chose before they learned of it, however busy the machine is.
                let chosen = calls.all
                try await eventually { callers.allSatisfy { calls[$0] > chosen[$0, default: 0] } }
                #expect(!servers[0].isStopped)
                try await eventually {
                    clock.advance(by: .seconds(1))
                    return servers[0].isStopped
                }
                let handled = servers[1].handled
                try await eventually { servers[1].handled > handled + 20 }
                group.cancelAll()
                while let result = await group.nextResult() {
                    if case .failure(let error as BackendError) = result { #expect(error.code == .cancelled) }
                }
            }
        }
        #expect(calls["answered"] > 40)
        #expect(calls["lost"] == 0)
    }

    @Test("on shutdown the instance turns to maintenance, stays for the drain, and leaves deregistered")
    func shutdown() async throws {
        let backend = MemoryBackend()
        let discovery = Discovery(backend: backend)
        let instance = try ServiceInstanceTests.make()
        let configuration = RegistrarConfiguration(ttl: .seconds(30), drain: .milliseconds(50))
        try await withDiscovery(discovery) {
            try await discovery.withUpdates(of: instance.service) { updates in
                var reader = updates.makeAsyncIterator()
                #expect(try await reader.next()?.instances.isEmpty == true)
                try await withRegistration(of: instance, in: backend, configuration: configuration) { registrar in
                    #expect(try await reader.next()?.instances.first?.status == .passing)
                    #expect(registrar.status.phase == .registered)
                    registrar.beginShutdown()
                    #expect(try await reader.next()?.instances.first?.status == .maintenance)
                    let last = try await reader.next()
                    #expect(last?.instances.isEmpty == true)
                    #expect(last?.departed == [instance.id: .deregistered])
                }
            }
        }
    }

    @Test("a cancelled registrar deregisters all the same", arguments: 0..<20)
    func cancellation(_ round: Int) async throws {
        let backend = MemoryBackend()
        let instance = try ServiceInstanceTests.make()
        let registrar = try Registrar(backend: backend) { instance }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await registrar.run() }
            if round.isMultiple(of: 2) { try? await registrar.waitUntilRegistered() }
            for _ in 0..<round { await Task.yield() }
            group.cancelAll()
        }
        #expect(try await backend.instances(of: instance.service).instances.isEmpty)
        #expect(registrar.status.phase == .stopped)
    }

    @Test("updates before, during and after a registration are all published")
    func updates() async throws {
        let registry = MemoryRegistry()
        let backend = MemoryBackend(registry: registry)
        let instance = try ServiceInstanceTests.make()
        let gate = Signal()
        let registrar = try Registrar(backend: backend, configuration: RegistrarConfiguration(ttl: .milliseconds(300)))
        {
            await gate.wait()
            return instance
        }
        let seen = { try await backend.instances(of: instance.service).instances.first }
        try await Self.running(registrar) {
            try registrar.update(InstanceChange(tags: ["early"]))
            gate.raise()
            try await registrar.waitUntilRegistered()
            #expect(try await seen()?.tags == ["early"])
            #expect(try await seen()?.metadata["hostname"] == ServiceInstance.localHostName)
            for weight in 2...50 { try registrar.update(InstanceChange(weight: weight)) }
            try await eventually { try await seen()?.weight == 50 }
            #expect(throws: ValidationError.self) { try registrar.update(InstanceChange(weight: -1)) }
            registry.wipe()
            try await eventually { try await seen()?.weight == 50 }
            #expect(try await seen()?.tags == ["early"])
        }
    }

    @Test("of updates that come at once none is lost, and the last one stays")
    func concurrentUpdates() async throws {
        let backend = MemoryBackend()
        let instance = try ServiceInstanceTests.make()
        let registrar = try Registrar(backend: backend) { instance }
        try await Self.running(registrar) {
            try await registrar.waitUntilRegistered()
            for round in 0..<200 {
                await withTaskGroup(of: Void.self) { group in
                    for task in 0..<4 {
                        group.addTask {
                            try? registrar.update(InstanceChange(metadata: ["task\(task)": "\(round)"]))
                        }
                    }
                }
                try await eventually {
                    let metadata = try await backend.instances(of: instance.service).instances.first?.metadata
                    return (0..<4).allSatisfy { metadata?["task\($0)"] == "\(round)" }
                }
            }
        }
    }

    @Test("a time-to-live that the backend clamps does not make the registrar hurry")
    func clampedPauses() async throws {
        let clock = ManualClock()
        let backend = BreakingBackend(MemoryBackend())
        let instance = try ServiceInstanceTests.make()
        backend.refuse((0..<100).map { _ in BackendError(.unavailable, "away") })
        let configuration = RegistrarConfiguration(ttl: .nanoseconds(1), clock: TimeSource(clock))
        let registrar = try Registrar(backend: backend, configuration: configuration) { instance }
        try await Self.running(registrar) {
            for _ in 0..<20 {
                await clock.waitForSleepers()
                clock.advance(by: .milliseconds(1))
            }
            await clock.waitForSleepers()
            // Pauses of up to 33 ms leave room for one or two attempts in 20 ms; a third of a nanosecond, for twenty.
            #expect((1..<13).contains(backend.registrations))
        }
    }

    @Test("who was removed stays out until resumed")
    func removal() async throws {
        let backend = MemoryBackend()
        let instance = try ServiceInstanceTests.make()
        let registrar = try Registrar(backend: backend, configuration: RegistrarConfiguration(ttl: .milliseconds(300)))
        { instance }
        try await Self.running(registrar) {
            try await registrar.waitUntilRegistered()
            try await backend.remove(instance.service, id: instance.id)
            try await eventually { registrar.status.phase == .removed }
            #expect(registrar.status.lastError?.code == .removed)
            #expect(try await backend.instances(of: instance.service).instances.isEmpty)
            registrar.resume()
            try await eventually { registrar.status.phase == .registered }
            #expect(registrar.status.lastError == nil)
        }
    }

    @Test("a resumption the moment the removal is seen is not lost")
    func promptResumption() async throws {
        let backend = MemoryBackend()
        let instance = try ServiceInstanceTests.make()
        let registrar = try Registrar(backend: backend, configuration: RegistrarConfiguration(ttl: .milliseconds(100)))
        { instance }
        try await Self.running(registrar) {
            for _ in 0..<10 {
                try await registrar.waitUntilRegistered()
                try await backend.remove(instance.service, id: instance.id)
                while registrar.status.phase != .removed { await Task.yield() }
                registrar.resume()
                try await eventually { registrar.status.phase == .registered }
            }
        }
    }

    @Test("an update during the drain does not undo maintenance")
    func updateWhileDraining() async throws {
        let backend = MemoryBackend()
        let instance = try ServiceInstanceTests.make()
        let configuration = RegistrarConfiguration(ttl: .seconds(30), drain: .milliseconds(300))
        let registrar = try Registrar(backend: backend, configuration: configuration) { instance }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await registrar.run() }
            try await registrar.waitUntilRegistered()
            registrar.beginShutdown()
            try await eventually {
                try await backend.instances(of: instance.service).instances.first?.status == .maintenance
            }
            var statuses: Set<HealthStatus> = []
            while let seen = try await backend.instances(of: instance.service).instances.first {
                try registrar.update(InstanceChange(weight: 5))
                statuses.insert(seen.status)
                try await ContinuousClock().sleep(for: .milliseconds(5))
            }
            #expect(statuses == [.maintenance])
            try await group.waitForAll()
        }
    }

    @Test("a shutdown before the server is ready ends the registrar")
    func shutdownBeforeReady() async throws {
        let registrar = try Registrar(backend: MemoryBackend()) {
            await Signal().wait()
            return try ServiceInstanceTests.make()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await registrar.run() }
            registrar.beginShutdown()
            try await group.waitForAll()
        }
        #expect(registrar.status.phase == .stopped)
    }

    @Test("an instance that is full already is registered without the automatic metadata, and can be drained")
    func fullInstance() async throws {
        let backend = MemoryBackend()
        let pairs = Dictionary(uniqueKeysWithValues: (0..<48).map { ("k\($0)", String(repeating: "x", count: 120)) })
        let instance = try ServiceInstanceTests.make(metadata: pairs)
        let configuration = RegistrarConfiguration(drain: .zero)
        try await withRegistration(of: instance, in: backend, configuration: configuration) { _ in
            let seen = try await backend.instances(of: instance.service).instances.first
            #expect(seen?.metadata.count == 48)
        }
        #expect(try await backend.inspect(instance.service) == 0)
    }

    @Test("it never gives up while the backend is away, and ends with what can never succeed")
    func persistence() async throws {
        let backend = BreakingBackend(MemoryBackend())
        let instance = try ServiceInstanceTests.make()
        let configuration = RegistrarConfiguration(ttl: .milliseconds(300))
        backend.refuse((0..<20).map { _ in BackendError(.unavailable, "away") })
        try await withRegistration(of: instance, in: backend, configuration: configuration) { _ in
            #expect(backend.registrations == 21)
        }
        backend.refuse([BackendError(.unavailable, "away"), BackendError(.tooLarge, "no")])
        let error = await #expect(throws: BackendError.self) {
            try await withRegistration(of: instance, in: backend, configuration: configuration) { _ in
                Issue.record("the body runs without a registration")
            }
        }
        #expect(error?.code == .tooLarge)
    }

    @Test("what ready throws ends it, and it runs once")
    func readiness() async throws {
        struct NotReady: Error {}
        let registrar = try Registrar(backend: MemoryBackend()) { throw NotReady() }
        await #expect(throws: NotReady.self) { try await registrar.run() }
        let error = await #expect(throws: BackendError.self) { try await registrar.run() }
        #expect(error?.code == .alreadyRunning)
    }

    @Test("durations that make no sense are refused")
    func durations() {
        for configuration in [
            RegistrarConfiguration(ttl: .zero), RegistrarConfiguration(ttl: .seconds(-1)),
            RegistrarConfiguration(drain: .seconds(-1)),
        ] {
            let error = #expect(throws: BackendError.self) {
                try Registrar(backend: MemoryBackend(), configuration: configuration) {
                    try ServiceInstanceTests.make()
                }
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test("an error or cancellation of the scope's body passes on, and the instance is gone")
    func scope() async throws {
        struct Failure: Error {}
        let backend = MemoryBackend()
        let instance = try ServiceInstanceTests.make()
        let configuration = RegistrarConfiguration(drain: .zero)
        await #expect(throws: Failure.self) {
            try await withRegistration(of: instance, in: backend, configuration: configuration) { _ in throw Failure() }
        }
        #expect(try await backend.instances(of: instance.service).instances.isEmpty)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await withRegistration(of: instance, in: backend, configuration: configuration) { _ in
                    await Signal().wait()
                }
            }
            try await eventually { try await backend.inspect(instance.service) == 1 }
            group.cancelAll()
        }
        #expect(try await backend.inspect(instance.service) == 0)
    }

    private static func running(_ registrar: Registrar, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await registrar.run() }
            try await body()
            group.cancelAll()
        }
    }
}

extension MemoryBackend {
    /// How many instances of a service there are.
    fileprivate func inspect(_ service: ServiceName) async throws -> Int {
        try await self.instances(of: service).instances.count
    }
}

/// A server that answers each request after a moment, finishes what it began, and refuses once it has stopped.
private final class SimulatedServer: Sendable {
    private let state = Mutex((handled: 0, active: 0, isStopped: false))

    var handled: Int { self.state.withLock { $0.handled } }
    var isStopped: Bool { self.state.withLock { $0.isStopped } }

    func handle() async -> Bool {
        let isAccepted = self.state.withLock { state in
            if !state.isStopped { state.active += 1 }
            return !state.isStopped
        }
        guard isAccepted else { return false }
        for _ in 0..<3 { await Task.yield() }
        self.state.withLock { state in
            state.active -= 1
            state.handled += 1
        }
        return true
    }

    func stop() async {
        self.state.withLock { $0.isStopped = true }
        while self.state.withLock({ $0.active > 0 }) { await Task.yield() }
    }
}
