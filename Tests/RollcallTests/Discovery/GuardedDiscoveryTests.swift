import RollcallTesting
import Synchronization
import Testing

@testable import Rollcall

/// The guard where callers feel it.
@Suite("Guarded discovery", .timeLimit(.minutes(1)))
struct GuardedDiscoveryTests {
    private let service: ServiceName
    private let clock = ManualClock()
    private let all: [ServiceInstance]
    private let said = Said()

    init() throws {
        self.service = try ServiceName("web")
        self.all = try BalancerTests.pool(6).instances
    }

    private final class Said: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { self.lines.withLock { $0 } }
        func add(_ line: String) { self.lines.withLock { $0.append(line) } }
    }

    private func withDiscovery(
        _ change: (inout DiscoveryConfiguration) -> Void = { _ in },
        _ body: (Discovery, ScriptedBackend) async throws -> Void
    ) async throws {
        let said = self.said
        var configuration = DiscoveryConfiguration(
            clock: TimeSource(self.clock),
            log: Log { _, _, message in said.add(message) }
        )
        change(&configuration)
        let backend = ScriptedBackend(self.service, self.all)
        let discovery = Discovery(backend: backend, configuration: configuration)
        try await RollcallTests.withDiscovery(discovery) {
            _ = try await discovery.snapshot(of: self.service)
            try await body(discovery, backend)
        }
    }

    private func snapshot(_ discovery: Discovery) throws -> ServiceSnapshot {
        try #require(discovery.currentSnapshot(of: self.service))
    }

    @Test("a registry that shows nothing, then half, then nothing, then all: callers never miss anybody")
    func flicker() async throws {
        try await self.withDiscovery { discovery, backend in
            try await discovery.withEvents(of: self.service) { events in
                var iterator = events.makeAsyncIterator()
                for _ in self.all { _ = try await iterator.next() }
                backend.show([])
                try await eventually { try self.snapshot(discovery).held.count == 6 }
                #expect(try self.snapshot(discovery).instances == self.all)
                _ = try discovery.pick(self.service)
                backend.show(Array(self.all.prefix(3)))
                try await eventually { try self.snapshot(discovery).held.count == 3 }
                #expect(try self.snapshot(discovery).instances == self.all)
                backend.show([])
                try await eventually { try self.snapshot(discovery).held.count == 6 }
                backend.show(self.all)
                try await eventually { try self.snapshot(discovery).held.isEmpty }
                // The next event is the one after all of that.
                let one = try self.all[0].applying(InstanceChange(weight: 7))
                backend.show([one] + self.all.dropFirst())
                #expect(try await iterator.next() == .updated(old: self.all[0], new: one))
            }
            #expect(self.said.all.contains { $0.contains("web: 6 of 6 instances vanished") })
        }
    }

    @Test("when the time is over the registry is believed, with its reasons")
    func timeBox() async throws {
        try await self.withDiscovery { discovery, backend in
            try await discovery.withEvents(of: self.service) { events in
                var iterator = events.makeAsyncIterator()
                for _ in self.all { _ = try await iterator.next() }
                backend.show([], departed: Dictionary(uniqueKeysWithValues: self.all.map { ($0.id, .expired) }))
                try await eventually { try self.snapshot(discovery).held.count == 6 }
                self.clock.advance(by: .seconds(20))
                for instance in self.all {
                    #expect(try await iterator.next() == .removed(instance, reason: .expired))
                }
                #expect(try self.snapshot(discovery).instances.isEmpty)
            }
        }
    }

    @Test("a fresh look and a failed call of each end it sooner")
    func evidence() async throws {
        try await self.withDiscovery { discovery, backend in
            backend.show([])
            try await eventually { try self.snapshot(discovery).held.count == 6 }
            try await eventually { backend.reads > 0 }
            for left in (0..<6).reversed() {
                // Whoever is called fails, and is gone with that.
                try await eventually {
                    let before = try self.snapshot(discovery).instances.count
                    guard before > left else { return true }
                    // A look may end it in between.
                    guard var call = try? discovery.beginCall(to: self.service) else { return false }
                    call.finish(.failure)
                    return try self.snapshot(discovery).instances.count == left
                }
            }
            #expect(try self.snapshot(discovery).instances.isEmpty)
        }
    }

    @Test("by the real clock the registry is asked at once, and then seldom")
    func looks() async throws {
        let backend = ScriptedBackend(self.service, self.all)
        let discovery = Discovery(backend: backend)
        try await RollcallTests.withDiscovery(discovery) {
            _ = try await discovery.snapshot(of: self.service)
            backend.show([])
            try await eventually { backend.reads > 0 }
            for instance in self.all {
                try await eventually {
                    guard try self.snapshot(discovery)[instance.id] != nil else { return true }
                    guard var call = try? discovery.beginCall(to: self.service) else { return false }
                    call.finish(.failure)
                    return false
                }
            }
            #expect(backend.reads < 10)
        }
    }

    @Test("a fresh look that shows them after all brings them back to life")
    func wrongPush() async throws {
        try await self.withDiscovery { discovery, backend in
            backend.answer(self.all)
            backend.show([])
            try await eventually { try self.snapshot(discovery).instances.count == 6 }
            try await eventually { try self.snapshot(discovery).held.isEmpty }
            try await eventually { self.said.all.contains { $0.contains("had missed a change") } }
        }
    }

    @Test("what left in good order is gone at once, also the last")
    func goodOrder() async throws {
        try await self.withDiscovery { discovery, backend in
            backend.show([], departed: Dictionary(uniqueKeysWithValues: self.all.map { ($0.id, .deregistered) }))
            try await eventually { try self.snapshot(discovery).instances.isEmpty }
        }
    }

    @Test("a service that is exempt is believed at once")
    func exempt() async throws {
        try await self.withDiscovery {
            $0.collapse = CollapseRules(exempt: [self.service])
        } _: { discovery, backend in
            backend.show([])
            try await eventually { try self.snapshot(discovery).instances.isEmpty }
        }
    }

    @Test("a registry that is away and comes back empty: all stay, stale and then held")
    func restart() async throws {
        try await self.withDiscovery { discovery, backend in
            backend.setAway(true)
            try await eventually { try self.snapshot(discovery).freshness != .live }
            #expect(try self.snapshot(discovery).instances == self.all)
            backend.show([])
            backend.setAway(false)
            try await eventually {
                self.clock.advance(by: .milliseconds(100))
                return try self.snapshot(discovery).freshness == .live
            }
            #expect(try self.snapshot(discovery).instances == self.all)
            #expect(try self.snapshot(discovery).held.count == 6)
            backend.show(self.all)
            try await eventually { try self.snapshot(discovery).held.isEmpty }
        }
    }

    @Test("a change that the watch lost is found by a look within minutes")
    func safetyRefresh() async throws {
        try await self.withDiscovery { discovery, backend in
            backend.answer(Array(self.all.dropLast()))
            let reads = backend.reads
            try await eventually {
                // Who is not asked for any more is not watched for ever.
                _ = try self.snapshot(discovery)
                self.clock.advance(by: .seconds(30))
                return backend.reads > reads
            }
            try await eventually { try self.snapshot(discovery).instances.count == 5 }
            try await eventually { self.said.all.contains { $0.contains("had missed a change") } }
        }
    }

    @Test("local instances are there before the registry answers, beside it, and in its place")
    func local() async throws {
        let mine = try ServiceInstance(
            service: self.service,
            id: InstanceID("mine"),
            endpoints: [Endpoint("http://127.0.0.1:1")]
        )
        let backend = ScriptedBackend(self.service, self.all)
        backend.setAway(true)
        var configuration = DiscoveryConfiguration(clock: TimeSource(self.clock))
        configuration.local[self.service] = LocalInstances([mine])
        let discovery = Discovery(backend: backend, configuration: configuration)
        #expect(try discovery.pick(self.service) == mine, "nothing runs yet")
        try discovery.setLocal(LocalInstances(), of: self.service)
        #expect(throws: BackendError.self, "it was withdrawn") { try discovery.pick(self.service) }
        try discovery.setLocal(LocalInstances([mine]), of: self.service)
        try await RollcallTests.withDiscovery(discovery) {
            #expect(try await discovery.instance(of: self.service) == mine)
            #expect(try self.snapshot(discovery).freshness != .live)
            backend.setAway(false)
            try await eventually {
                self.clock.advance(by: .milliseconds(100))
                return try self.snapshot(discovery).instances.count == 7
            }
            try discovery.setLocal(LocalInstances([mine], mode: .instead), of: self.service)
            #expect(try self.snapshot(discovery).instances == [mine])
            try discovery.setLocal(LocalInstances(), of: self.service)
            #expect(try self.snapshot(discovery).instances == self.all)
            let error = #expect(throws: BackendError.self) {
                try discovery.setLocal(LocalInstances([mine]), of: try ServiceName("other"))
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test("explain says why, and since when")
    func explain() async throws {
        try await self.withDiscovery { discovery, backend in
            #expect(discovery.explain(try ServiceName("nobody")).remarks.map(\.text) == ["nothing is known yet"])
            let ill = try self.all[0].applying(InstanceChange(status: .critical))
            let drained = try self.all[1].applying(InstanceChange(weight: 0))
            backend.show([ill, drained] + self.all.dropFirst(2))
            try await eventually { try self.snapshot(discovery).instances[0].status == .critical }
            backend.show([])
            try await eventually { try self.snapshot(discovery).held.count == 6 }
            self.clock.advance(by: .seconds(3))
            let report = discovery.explain(self.service, where: .also(!.metadata("x", "y")))
            #expect(report.source == "scripted")
            #expect(report.entries.map(\.isIn) == [false, false, true, true, true, true])
            #expect(report.entries[0].remarks.first?.text == "its status is critical")
            #expect(report.entries[1].remarks.first?.text == "drained: its weight is 0")
            let held = try #require(report.entries[2].remarks.first)
            #expect(held.text == "held: the registry says that most of the service is gone")
            #expect(held.age == .seconds(3))
            backend.setAway(true)
            try await eventually { try self.snapshot(discovery).freshness != .live }
            #expect(
                discovery.explain(self.service).remarks.map(\.text) == [
                    "stale: the registry cannot be asked: unavailable"
                ]
            )
        }
    }

    @Test("filters of a call add to the configured one or replace it, on reading and on observing")
    func filters() async throws {
        let zoned = try BalancerTests.pool(6, zone: { $0 < 2 ? "a" : "b" }).instances
        let ill = try zoned[0].applying(InstanceChange(status: .critical))
        let shown = [ill] + zoned.dropFirst()
        try await self.withDiscovery { discovery, backend in
            backend.show(shown)
            try await eventually { try self.snapshot(discovery).instances == shown }
            let inZone = InstanceFilter.zone("a")
            for _ in 0..<20 {
                #expect(try discovery.pick(self.service, where: .also(inZone)).id == zoned[1].id)
            }
            let both = Set(try (0..<60).map { _ in try discovery.pick(self.service, where: .only(inZone)).id })
            #expect(both == [zoned[0].id, zoned[1].id])
            #expect(throws: BackendError.self) { try discovery.pick(self.service, where: .also(.zone("c"))) }
            try await discovery.withUpdates(of: self.service, where: .also(inZone)) { updates in
                var iterator = updates.makeAsyncIterator()
                let first = try await iterator.next()
                #expect(first?.instances == Array(shown.prefix(2)))
                // What does not fit changes: this observer is not woken for it.
                backend.show(Array(shown.dropLast()))
                backend.show([zoned[0]] + shown.dropFirst().dropLast())
                let second = try await iterator.next()
                #expect(second?.instances == Array(zoned.prefix(2)))
            }
        }
    }

    @Test("too few that pass their probes: all are chosen from again")
    func panic() async throws {
        let prober = StubProber()
        try await self.withDiscovery {
            $0.prober = prober
        } _: { discovery, _ in
            try await eventually { prober.isReady && prober.tracked[self.service]?.count == 6 }
            for instance in self.all.prefix(4) { prober.report(instance, .failing, at: self.clock) }
            func chosen() throws -> Int { Set(try (0..<100).map { _ in try discovery.pick(self.service).id }).count }
            #expect(try chosen() == 2)
            #expect(discovery.explain(self.service).entries[0].remarks.first?.text == "its probes fail: test")
            prober.report(self.all[4], .failing, at: self.clock)
            #expect(try chosen() == 6, "one of six is less than three in ten")
            prober.report(self.all[4], .passing, at: self.clock)
            #expect(try chosen() == 2)
            for instance in self.all { prober.report(instance, .failing, at: self.clock) }
            #expect(try chosen() == 6)
        }
        #expect(prober.tracked[self.service] != nil)
    }

    /// A prober that finds what the test says.
    private final class StubProber: InstanceProber {
        private struct State {
            var tracked: [ServiceName: [ServiceInstance]] = [:]
            var report: (@Sendable (ProbeReport) -> Void)?
        }

        private let state = Mutex(State())

        var isReady: Bool { self.state.withLock { $0.report != nil } }
        var tracked: [ServiceName: [ServiceInstance]] { self.state.withLock { $0.tracked } }

        func run(reporting report: @escaping @Sendable (ProbeReport) -> Void) async throws(BackendError) {
            self.state.withLock { $0.report = report }
            await Signal().wait()
        }

        func track(_ instances: [ServiceInstance], of service: ServiceName) {
            self.state.withLock { $0.tracked[service] = instances }
        }

        func report(_ instance: ServiceInstance, _ verdict: ProbeVerdict, at clock: ManualClock) {
            let report = ProbeReport(
                service: instance.service,
                id: instance.id,
                verdict: verdict,
                failures: verdict == .failing ? 3 : 0,
                checkedAt: TimeSource(clock).now,
                message: "test"
            )
            self.state.withLock { $0.report }?(report)
        }
    }
}
