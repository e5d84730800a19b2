import RollcallTesting
import Testing

@testable import Rollcall

/// The end of a manager (G37).
@Suite("Closing a manager of configurations", .timeLimit(.minutes(1)))
struct ConfigClosingTests {
    private let bench: ManagerBench

    init() throws {
        self.bench = try ManagerBench()
    }

    private var backend: ScriptedConfigBackend { self.bench.backend }
    private var main: ConfigKey { self.bench.main }

    private func running(_ body: (ConfigManager) async throws -> Void) async throws {
        let manager = self.bench.manager([self.bench.item(), self.bench.item(self.bench.other)])
        try await withConfigManager(manager) { manager in
            try await eventually { self.backend.watchCount == 2 }
            try await body(manager)
        }
    }

    @Test("closing waits for calls under way and for what waits to be told (GD58)")
    func closeWaits() async throws {
        let (gate, calls) = (Signal(), Calls())
        try await self.running { manager in
            manager.subscribe { _, edition in
                calls.add("+\(edition.version)")
                await gate.wait()
                calls.add("-\(edition.version)")
            }
            self.backend.put("x", version: 5, at: self.main)
            try await eventually { calls.all == ["+5"] }
            self.backend.put("x", version: 6, at: self.main)
            try await eventually { manager.value(for: self.main)?.version == 6 }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await manager.close() }
                try await eventually { self.backend.watchCount == 0 }
                gate.raise()
                try await group.waitForAll()
            }
            #expect(calls.all == ["+5", "-5", "+6", "-6"])
            // Closed it is, and stays.
            try await manager.close()
            #expect(!manager.isRunning)
            let error = await #expect(throws: ConfigSyncError.self) { try await manager.sync() }
            #expect(error?.errors[self.main]?.code == .closed)
        }
    }

    @Test("one that never ends is cancelled, and closing takes no longer than it may (GD60)")
    func closeIsLimited() async throws {
        let manager = self.bench.manager([self.bench.item()]) { $0.closeTimeout = .milliseconds(20) }
        let isCalled = Signal()
        try await withConfigManager(manager) { manager in
            try await eventually { self.backend.watchCount == 1 }
            manager.subscribe { _, _ in
                isCalled.raise()
                // Returns when it is cancelled, and not before.
                await Signal().wait()
            }
            self.backend.put("x", version: 5, at: self.main)
            await isCalled.wait()
            try await manager.close()
        }
        #expect(self.bench.count("did not finish in 20ms", from: .warning) == 1)
    }

    @Test("one that does not even heed that makes closing fail in time, and say so (GD60)")
    func closeFails() async throws {
        let clock = ManualClock()
        let manager = self.bench.manager([self.bench.item()]) { $0.clock = TimeSource(clock) }
        let (isCalled, gate) = (Signal(), Signal())
        try await withConfigManager(manager) { manager in
            try await eventually { self.backend.watchCount == 1 }
            manager.subscribe { _, _ in
                isCalled.raise()
                try await withoutCancellation(deadline: .seconds(3600), clock: TimeSource()) {
                    () async throws(BackendError) in await gate.wait()
                }
            }
            self.backend.put("x", version: 5, at: self.main)
            await isCalled.wait()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    let error = await #expect(throws: BackendError.self) { try await manager.close() }
                    #expect(error?.code == .timeout)
                    #expect(error?.message.contains("1 calls of subscribers have not returned") == true)
                    gate.raise()
                }
                group.addTask {
                    while !gate.isRaised {
                        clock.advance(by: .seconds(1))
                        try? await Task.sleep(for: .milliseconds(1))
                    }
                }
            }
        }
    }

    @Test("closing before it ran, running twice, and waiting for what ended are told apart")
    func misuse() async throws {
        let closed = self.bench.manager([self.bench.item()])
        try await closed.close()
        let error = await #expect(throws: BackendError.self) { try await closed.run() }
        #expect(error?.code == .alreadyRunning)
        #expect(await #expect(throws: BackendError.self) { try await closed.waitUntilReady() }?.code == .closed)
        try await self.running { manager in
            let error = await #expect(throws: BackendError.self) { try await manager.run() }
            #expect(error?.code == .alreadyRunning)
        }
    }

    @Test("when it has ended, nothing of it is left under way")
    func work() async throws {
        let before = WorkGauge.active
        try await self.running { manager in
            manager.subscribe { _, _ in }
            try await eventually { WorkGauge.active >= before + 4 }
        }
        try await eventually { WorkGauge.active <= before }
    }
}
