import Rollcall
import RollcallTesting
import Testing

@Suite("LeaseKeeper", .timeLimit(.minutes(1)))
struct LeaseKeeperTests {
    private let clock = ManualClock()
    private let renewals = Tally()

    private func keeper() throws -> LeaseKeeper {
        let token = LeaseToken(service: try ServiceName("web"), id: try InstanceID("a"), secret: "s")
        return LeaseKeeper(token, ttl: .seconds(9), backend: "test", clock: TimeSource(self.clock))
    }

    /// Keeps a registration of nine seconds, and says why that ended.
    private func keep(_ keeper: LeaseKeeper, failing failure: BackendError? = nil) async -> BackendError {
        do throws(BackendError) {
            try await keeper.keep { () throws(BackendError) in
                self.renewals.add("renewal")
                if let failure { throw failure }
            }
        } catch {
            return error
        }
    }

    /// Lets time pass, and waits until whoever sleeps has seen it.
    private func pass(_ duration: Duration, until count: Int) async throws {
        await self.clock.waitForSleepers()
        self.clock.advance(by: duration)
        try await eventually { self.renewals["renewal"] == count }
    }

    @Test("it renews each third of the time, and stops when the registration is let go")
    func thirds() async throws {
        let keeper = try self.keeper()
        async let error = self.keep(keeper)
        await self.clock.waitForSleepers()
        self.clock.advance(by: .milliseconds(2999))
        #expect(self.renewals["renewal"] == 0)
        try await self.pass(.milliseconds(1), until: 1)
        try await self.pass(.seconds(3), until: 2)
        try keeper.checkOpen()
        await self.clock.waitForSleepers()
        keeper.end()
        let end = await error
        #expect(end.code == .closed)
        #expect(end.backend == "test")
        #expect(self.renewals["renewal"] == 2)
        #expect(throws: BackendError.self) { try keeper.checkOpen() }
    }

    @Test(
        "what may pass is tried again soon, as late as the backend asks for but within a third of the time",
        arguments: [(nil, 900), (1, 1000), (60, 3000)] as [(Int?, Int)]
    )
    func retries(_ wish: Int?, _ pause: Int) async throws {
        for code in [BackendError.Code.unavailable, .timeout] {
            let former = self.renewals["renewal"]
            var failure = BackendError(code, "away", applied: .unknown)
            failure.retryAfter = wish.map { .seconds($0) }
            let keeper = try self.keeper()
            async let error = self.keep(keeper, failing: failure)
            try await self.pass(.seconds(3), until: former + 1)
            try await self.pass(.milliseconds(pause), until: former + 2)
            await self.clock.waitForSleepers()
            self.clock.advance(by: .milliseconds(pause - 1))
            #expect(self.renewals["renewal"] == former + 2)
            keeper.end()
            #expect(await error.code == .closed)
        }
    }

    @Test("what is over is told at once", arguments: [BackendError.Code.leaseLost, .displaced, .removed, .notRunning])
    func ends(_ code: BackendError.Code) async throws {
        async let error = self.keep(try self.keeper(), failing: BackendError(code, "over"))
        try await self.pass(.seconds(3), until: 1)
        #expect(await (try error).code == code)
    }

    @Test("a cancelled task renews nothing more")
    func cancellation() async throws {
        let keeper = try self.keeper()
        let code = await withTaskGroup(of: BackendError.Code.self) { group in
            group.addTask { await self.keep(keeper).code }
            await self.clock.waitForSleepers()
            group.cancelAll()
            return await group.next()
        }
        #expect(code == .cancelled)
        #expect(self.renewals["renewal"] == 0)
    }
}
