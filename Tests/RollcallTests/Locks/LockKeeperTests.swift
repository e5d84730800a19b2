import Rollcall
import RollcallTesting
import Testing

@Suite("LockKeeper", .timeLimit(.minutes(1)))
struct LockKeeperTests {
    private let clock = ManualClock()

    /// Keeps a lock that was granted for nine seconds when the clock began, and says why that ended.
    private func keep(
        _ keeper: LockKeeper,
        _ renew: @escaping @Sendable () throws(BackendError) -> Void = {}
    ) async -> BackendError.Code {
        do throws(BackendError) {
            try await keeper.keep { () throws(BackendError) in try renew() }
        } catch {
            return error.code
        }
    }

    private func keeper() -> LockKeeper {
        let source = TimeSource(self.clock)
        return LockKeeper(ttl: .seconds(9), grantedAt: source.now, clock: source)
    }

    @Test("the first renewal is due a third of the time after the grant, however late somebody keeps the lock alive")
    func first() async throws {
        let renewals = Tally()
        let keeper = self.keeper()
        self.clock.advance(by: .seconds(2))
        async let code = self.keep(keeper) { renewals.add("renewal") }
        await self.clock.waitForSleepers()
        #expect(renewals["renewal"] == 0)
        self.clock.advance(by: .seconds(1))
        try await eventually { renewals["renewal"] == 1 }
        await self.clock.waitForSleepers()
        self.clock.advance(by: .seconds(3))
        try await eventually { renewals["renewal"] == 2 }
        keeper.end()
        #expect(await code == .closed)
    }

    @Test("without an answer the lock is lost when its time is over since the grant, not since somebody cared")
    func end() async {
        let keeper = self.keeper()
        self.clock.advance(by: .seconds(8))
        async let code = self.keep(keeper) { () throws(BackendError) in throw BackendError(.unavailable, "away") }
        // It asked at once, and will once more before the end.
        await self.clock.waitForSleepers()
        self.clock.advance(by: .seconds(1))
        #expect(await code == .leaseLost)
        #expect(self.clock.now.elapsed == .seconds(9))
    }

    @Test("whoever keeps it alive only when its time is over is told so, and nothing is renewed")
    func late() async {
        let renewals = Tally()
        let keeper = self.keeper()
        self.clock.advance(by: .seconds(9))
        let code = await self.keep(keeper) { renewals.add("renewal") }
        #expect(code == .leaseLost)
        #expect(renewals["renewal"] == 0)
    }

    @Test("kept alive anew, its time counts from the last renewal")
    func again() async throws {
        let renewals = Tally()
        let keeper = self.keeper()
        for count in 1...4 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    let code = await self.keep(keeper) { renewals.add("renewal") }
                    #expect(code == .cancelled)
                }
                await self.clock.waitForSleepers()
                self.clock.advance(by: .seconds(3))
                try await eventually { renewals["renewal"] == count }
                group.cancelAll()
            }
        }
    }

    @Test("a server that was wiped lets who waits begin anew, instead of calling him cancelled")
    func wiped() async throws {
        let registry = MemoryRegistry(clock: TimeSource(self.clock))
        let backend = MemoryBackend(registry: registry)
        let name = try LockName("nightly")
        let first = try await backend.acquire(name, ttl: .seconds(60))
        async let second = backend.acquire(name, ttl: .seconds(60))
        async let third = backend.acquire(name, ttl: .seconds(60))
        try await eventually { try await backend.holder(of: name)?.waiting == 2 }
        registry.wipe()
        try await eventually { try await backend.holder(of: name)?.waiting == 1 }
        let token = try #require(try await backend.holder(of: name)?.token)
        #expect(token > first.token)
        registry.wipe()
        let leases = try await [second, third]
        #expect(Set(leases.map(\.token)).count == 2)
        #expect(leases.allSatisfy { $0.token > first.token })
    }

    @Test("work that is done counts, though the lock is called lost by the renewal that its end cuts off")
    func done() async throws {
        let backend = CutOffLocks()
        let value = try await backend.withLock(LockName("nightly"), clock: TimeSource(self.clock)) { _ in
            await backend.isRenewing.wait()
            return "done"
        }
        #expect(value == "done")
    }

    @Test("work that ends after the loss does not count")
    func lost() async throws {
        let backend = CutOffLocks(isLost: true)
        let error = await #expect(throws: BackendError.self) {
            try await backend.withLock(LockName("nightly"), clock: TimeSource(self.clock)) { _ in
                await Signal().wait()
            }
        }
        #expect(error?.code == .leaseLost)
    }
}

/// Locks whose renewals never end by themselves, and which are lost for whoever is cancelled meanwhile.
private struct CutOffLocks: LockBackend {
    var isLost = false
    let isRenewing = Signal()
    let name = "cut-off"
    let capabilities = MemoryBackend().capabilities

    func acquire(_ name: LockName, ttl: Duration) async throws(BackendError) -> any LockLease {
        CutOffLease(name: name, ttl: ttl, isLost: self.isLost, isRenewing: self.isRenewing)
    }

    func holder(of name: LockName) async throws(BackendError) -> LockHolder? { nil }

    func run() async throws(BackendError) { await Signal().wait() }

    func health() async -> BackendHealth { await MemoryBackend().health() }
}

private struct CutOffLease: LockLease {
    let name: LockName
    let token: UInt64 = 1
    let ttl: Duration
    let isLost: Bool
    let isRenewing: Signal

    func keepAlive() async throws(BackendError) -> Never {
        self.isRenewing.raise()
        if !self.isLost { await Signal().wait() }
        throw BackendError(.leaseLost, "the answer never came")
    }

    func renew() async throws(BackendError) {}

    func release() async throws(BackendError) {}
}
