import RollcallTesting
import Synchronization
import Testing

@testable import Rollcall

/// What calls tell, from the call to the choice.
@Suite("Outcomes of calls", .timeLimit(.minutes(1)))
struct OutcomeTests {
    private struct Failure: Error {}

    private let service: ServiceName
    private let clock = ManualClock()

    init() throws { self.service = try ServiceName("web") }

    private func withDiscovery(
        _ count: Int,
        _ change: (inout DiscoveryConfiguration) -> Void = { _ in },
        _ body: (Discovery, ScriptedBackend) async throws -> Void
    ) async throws {
        var configuration = DiscoveryConfiguration(balancer: .roundRobin, clock: TimeSource(self.clock))
        configuration.outliers = OutlierDetection(consecutiveFailures: 3, baseTime: .seconds(10))
        change(&configuration)
        let backend = ScriptedBackend(self.service, try BalancerTests.pool(count).instances)
        let discovery = Discovery(backend: backend, configuration: configuration)
        try await RollcallTests.withDiscovery(discovery) {
            _ = try await discovery.snapshot(of: self.service)
            try await body(discovery, backend)
        }
    }

    /// Calls until the instance `id` was called `count` times, and lets each of these calls end so.
    private func call(_ id: String, _ count: Int, _ outcome: CallOutcome, _ discovery: Discovery) throws {
        var rest = count
        while rest > 0 {
            var call = try discovery.beginCall(to: self.service)
            let isIt = call.instance.id.text == id
            call.finish(isIt ? outcome : .success)
            if isIt { rest -= 1 }
        }
    }

    private func chosen(_ discovery: Discovery, _ picks: Int = 20) throws -> Set<String> {
        Set(try (0..<picks).map { _ in try discovery.pick(self.service).id.text })
    }

    private func entry(_ id: String, _ discovery: Discovery) throws -> SelectionReport.Entry {
        try #require(discovery.explain(self.service).entries.first { $0.instance.id.text == id })
    }

    @Test("an instance that fails three times is left out, tried again by one call, and comes back")
    func ejection() async throws {
        try await self.withDiscovery(3) { discovery, _ in
            try self.call("i00001", 3, .failure, discovery)
            #expect(try self.chosen(discovery) == ["i00000", "i00002"])
            let out = try self.entry("i00001", discovery)
            #expect(!out.isIn)
            #expect(out.remarks.map(\.text) == ["left out: calls to it failed; tried again in 10s"])
            self.clock.advance(by: .seconds(10))
            try await eventually { try self.entry("i00001", discovery).isIn }
            #expect(try self.chosen(discovery) == ["i00000", "i00002"], "nobody would tell how a mere choice went")
            // One call at a time: as long as it is under way there is no other.
            var trial: [String] = []
            var call = try discovery.beginCall(to: self.service)
            while call.instance.id.text != "i00001" {
                call.finish(.success)
                call = try discovery.beginCall(to: self.service)
            }
            for _ in 0..<10 {
                var other = try discovery.beginCall(to: self.service)
                trial.append(other.instance.id.text)
                other.finish(.success)
            }
            #expect(!trial.contains("i00001"))
            call.finish(.success)
            #expect(try self.chosen(discovery) == ["i00000", "i00001", "i00002"])
        }
    }

    @Test("a trial that fails leaves it out for longer")
    func failedTrial() async throws {
        try await self.withDiscovery(3) { discovery, _ in
            try self.call("i00001", 3, .failure, discovery)
            self.clock.advance(by: .seconds(10))
            try await eventually { try self.entry("i00001", discovery).isIn }
            try self.call("i00001", 1, .failure, discovery)
            #expect(try self.entry("i00001", discovery).remarks.map(\.text).first?.hasSuffix("again in 20s") == true)
        }
    }

    @Test("a caller that is cancelled between choice and report leaves nothing behind: no slot, no trial, no count")
    func cancelled() async throws {
        try await self.withDiscovery(3) { discovery, _ in
            try self.call("i00001", 3, .failure, discovery)
            self.clock.advance(by: .seconds(10))
            try await eventually { try self.entry("i00001", discovery).isIn }
            for _ in 0..<30 {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        _ = try? await discovery.withInstance(of: self.service) { _ in
                            withUnsafeCurrentTask { $0?.cancel() }
                            try await Task.sleep(for: .seconds(60))
                        }
                    }
                }
            }
            for entry in discovery.explain(self.service).entries { #expect(entry.outstanding == 0) }
            // The trial is still to be had.
            try self.call("i00001", 1, .success, discovery)
            #expect(try self.chosen(discovery).count == 3)
        }
    }

    @Test("at most half is left out, and never the last")
    func cap() async throws {
        try await self.withDiscovery(4) { discovery, _ in
            for id in ["i00000", "i00001"] { try self.call(id, 3, .failure, discovery) }
            #expect(try self.chosen(discovery) == ["i00002", "i00003"])
            try self.call("i00002", 10, .failure, discovery)
            #expect(try self.chosen(discovery) == ["i00002", "i00003"])
        }
        try await self.withDiscovery(1) { discovery, _ in
            try self.call("i00000", 10, .failure, discovery)
            #expect(try self.chosen(discovery) == ["i00000"])
        }
    }

    @Test("without detection nobody is left out")
    func off() async throws {
        try await self.withDiscovery(2) {
            $0.outliers = nil
        } _: { discovery, _ in
            try self.call("i00001", 10, .failure, discovery)
            #expect(try self.chosen(discovery).count == 2)
        }
    }

    @Test("an instance at another address is another one, with nothing against it")
    func newAddress() async throws {
        try await self.withDiscovery(3) { discovery, backend in
            try self.call("i00001", 3, .failure, discovery)
            #expect(try self.chosen(discovery).count == 2)
            let others = try BalancerTests.pool(3).instances
            let moved = try ServiceInstance(
                service: self.service,
                id: others[1].id,
                endpoints: [Endpoint("http://10.0.0.2:8080")]
            )
            backend.show([others[0], moved, others[2]])
            try await eventually { try self.chosen(discovery).count == 3 }
        }
    }

    @Test("what is known of an instance survives snapshots")
    func survives() async throws {
        try await self.withDiscovery(3) { discovery, backend in
            try self.call("i00001", 3, .failure, discovery)
            backend.show(try BalancerTests.pool(4).instances)
            try await eventually { discovery.currentSnapshot(of: self.service)?.instances.count == 4 }
            #expect(try self.chosen(discovery) == ["i00000", "i00002", "i00003"])
        }
    }

    @Test("a new instance gets its share little by little")
    func slowStart() async throws {
        try await self.withDiscovery(1) {
            $0.slowStart = .seconds(100)
        } _: { discovery, backend in
            backend.show(try BalancerTests.pool(2).instances)
            try await eventually { discovery.currentSnapshot(of: self.service)?.instances.count == 2 }
            func share() throws -> Double {
                let picks = try (0..<4000).map { _ in try discovery.pick(self.service).id.text }
                return Double(picks.count { $0 == "i00001" }) / 4000
            }
            // Of two the new one is asked every other time, and then takes the call with the chance of its age; else
            // the turn goes on. The deviation is below 0.01.
            #expect(try share() < 0.15)
            self.clock.advance(by: .seconds(50))
            let half = try share()
            #expect(half > 0.25 && half < 0.42)
            self.clock.advance(by: .seconds(50))
            try await eventually { try self.entry("i00001", discovery).remarks.isEmpty }
            #expect(abs(try share() - 0.5) < 0.01)
        }
    }

    @Test(
        "errors are judged: a cancelled caller and a refusal say nothing about the instance",
        arguments: [
            (BackendError.Code.cancelled, false, CallOutcome.ignored), (.notFound, false, .ignored),
            (.unavailable, false, .failure), (.timeout, false, .failure), (.notFound, true, .failure),
            (.cancelled, true, .ignored),
        ]
    )
    func judgement(_ code: BackendError.Code, _ isRetryable: Bool, _ outcome: CallOutcome) {
        #expect(CallOutcome(BackendError(code, "test"), isRetryable: isRetryable) == outcome)
        #expect(CallOutcome(CancellationError(), isRetryable: true) == .ignored)
        #expect(CallOutcome(Failure(), isRetryable: false) == .ignored)
        #expect(CallOutcome(Failure(), isRetryable: true) == .failure)
    }

    @Test("with fail-over the instance that failed is to blame, and what helped is counted")
    func failOver() async throws {
        try await self.withDiscovery(2) { discovery, _ in
            for _ in 0..<6 {
                let id = try await discovery.withInstance(of: self.service, attempts: 2, retryingIf: { _ in true }) {
                    instance in
                    if instance.id.text == "i00000" { throw Failure() }
                    return instance.id.text
                }
                #expect(id == "i00001")
            }
            #expect(try self.chosen(discovery) == ["i00001"])
        }
    }

    @Test("many tasks at once: no call is lost or counted twice")
    func concurrency() async throws {
        try await self.withDiscovery(5) { discovery, _ in
            await withTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var generator = SplitMix64(seed: UInt64(worker))
                        for _ in 0..<500 {
                            guard var call = try? discovery.beginCall(to: self.service) else { continue }
                            switch Int.random(in: 0..<4, using: &generator) {
                            case 0: call.finish(.failure)
                            case 1: break
                            default: call.finish(.success)
                            }
                        }
                    }
                }
            }
            for entry in discovery.explain(self.service).entries { #expect(entry.outstanding == 0) }
        }
    }
}
