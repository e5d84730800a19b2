import RollcallTesting
import Testing

@testable import Rollcall

/// Probing the backend (M12, G36), and what is said of what is read meanwhile (M-9.8).
@Suite("Health of a backend of configurations", .timeLimit(.minutes(1)))
struct ConfigHealthTests {
    private let bench: ManagerBench
    private let clock = ManualClock()

    init() throws {
        self.bench = try ManagerBench()
    }

    private var backend: ScriptedConfigBackend { self.bench.backend }
    private var main: ConfigKey { self.bench.main }

    private func running(_ body: (ConfigManager) async throws -> Void) async throws {
        let manager = self.bench.manager([self.bench.item()]) { $0.clock = TimeSource(self.clock) }
        try await withConfigManager(manager) { manager in
            try await eventually { manager.status(of: self.main)?.freshness == .live && manager.lastHealth != nil }
            try await body(manager)
        }
    }

    /// Moves the clock on second by second until something was seen, and returns how many that took.
    private func seconds(until condition: () -> Bool) async throws -> Int {
        for second in 0..<90 {
            // What a second awakes has time to happen.
            for _ in 0..<20 where !condition() { try await Task.sleep(for: .milliseconds(1)) }
            if condition() { return second }
            self.clock.advance(by: .seconds(1))
        }
        return 90
    }

    @Test("it is probed each 10 s, each 2 s while it is away, and synced when it is back, not before (GD59)")
    func periods() async throws {
        try await self.running { manager in
            try await eventually { manager.metrics.syncs == 1 && manager.metrics.failedSyncs == 0 }
            var calls = self.backend.healthCalls
            // A task may be late when the machine has much to do, and is never early.
            #expect(10...15 ~= (try await self.seconds { self.backend.healthCalls > calls }))
            self.backend.setAway(true, breakingWatches: false)
            #expect(10...15 ~= (try await self.seconds { manager.lastHealth?.isReachable == false }))
            for _ in 0..<3 {
                calls = self.backend.healthCalls
                #expect(2...6 ~= (try await self.seconds { self.backend.healthCalls > calls }))
            }
            // Nobody reads what is not there.
            let syncs = manager.metrics.syncs
            #expect(syncs == 1)
            #expect(self.bench.count("the backend is not well", from: .warning) == 1)
            self.backend.setAway(false, breakingWatches: false)
            #expect(0...6 ~= (try await self.seconds { manager.metrics.syncs > syncs }))
            #expect(self.bench.count("the backend is back") == 1)
            calls = self.backend.healthCalls
            _ = try await self.seconds { self.backend.healthCalls > calls }
            calls = self.backend.healthCalls
            #expect(10...15 ~= (try await self.seconds { self.backend.healthCalls > calls }))
        }
    }

    @Test("a sync that fails when the backend is back is tried again (GD59)")
    func retried() async throws {
        try await self.running { manager in
            self.backend.setAway(true, breakingWatches: false)
            _ = try await self.seconds { manager.lastHealth?.isReachable == false }
            self.backend.failReads(of: self.main, BackendError(.unavailable, "no leader"))
            self.backend.setAway(false, breakingWatches: false)
            _ = try await self.seconds { manager.metrics.failedSyncs > 0 }
            self.backend.failReads(of: self.main, nil)
            func successes() -> Int { manager.metrics.syncs - manager.metrics.failedSyncs }
            let before = successes()
            #expect(0...6 ~= (try await self.seconds { successes() > before }))
        }
    }

    @Test("while the backend is away, what is read is marked stale with its age, though the watch says nothing (GD69)")
    func stale() async throws {
        try await self.running { manager in
            self.backend.setAway(true, breakingWatches: false)
            _ = try await self.seconds { manager.status(of: self.main)?.freshness != .live }
            let status = try #require(manager.status(of: self.main))
            #expect(status.age.map { $0 >= .seconds(9) } == true)
            #expect(manager.text(self.main) == "own")
            #expect(manager.metrics.staleKeys == 1)
            self.backend.setAway(false, breakingWatches: false)
            _ = try await self.seconds { manager.status(of: self.main)?.freshness == .live }
            #expect(manager.metrics.staleKeys == 0)
        }
    }

    @Test("a sample counts for five seconds; probing stores nothing, and adds no numbers of its own (GD70, GD71)")
    func cache() async throws {
        let manager = self.bench.manager([self.bench.item()]) { $0.clock = TimeSource(self.clock) }
        #expect(manager.lastHealth == nil)
        for _ in 0..<3 { #expect(await manager.health().isReachable) }
        #expect(self.backend.healthCalls == 1)
        self.clock.advance(by: .seconds(5))
        _ = await manager.health()
        #expect(self.backend.healthCalls == 1)
        self.clock.advance(by: .milliseconds(1))
        _ = await manager.health()
        #expect(self.backend.healthCalls == 2)
        #expect(self.backend.writes.isEmpty)
        let sample = await self.backend.health()
        #expect(manager.lastHealth == sample)
    }

    @Test("a watch that is refused is tried once a minute, and not as fast as it fails")
    func refused() async throws {
        self.backend.failWatches(BackendError(.unauthenticated, "who are you"))
        let manager = self.bench.manager([self.bench.item()]) { $0.clock = TimeSource(self.clock) }
        try await withConfigManager(manager) { manager in
            try await eventually { manager.metrics.brokenWatches == 1 }
            #expect(60... ~= (try await self.seconds { manager.metrics.brokenWatches > 1 }))
            #expect(manager.status(of: self.main)?.lastError?.code == .unauthenticated)
            #expect(manager.text(self.main) == "own")
        }
    }

    @Test("a manager that is not synced yet does not pretend to be live (GD69)")
    func unsynced() async throws {
        let manager = self.bench.manager([self.bench.item()])
        let status = try #require(manager.status(of: self.main))
        #expect(status.freshness != .live)
        #expect(status.age == nil)
        #expect(status.stored == .unknown)
        #expect(status.source == .local)
        try await manager.sync()
        // Nothing watches, so that it is as of then.
        #expect(manager.status(of: self.main)?.freshness != .live)
        #expect(manager.status(of: self.main)?.age != nil)
    }

    @Test("figures are in the text format, without names of keys")
    func metrics() async throws {
        let manager = self.bench.manager([self.bench.item(), self.bench.item(self.bench.other)])
        try await manager.sync()
        let text = manager.metrics.prometheusText
        #expect(text.contains("\nrollcall_config_keys 2\n"))
        #expect(text.contains("\nrollcall_config_uploads_total 2\n"))
        #expect(text.contains("\nrollcall_config_syncs_total 1\n"))
        #expect(text.contains("\nrollcall_config_keys_stale 2\n"))
        #expect(!text.contains("my-app"))
    }
}
