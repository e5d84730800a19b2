import Rollcall
import RollcallTesting
import Synchronization
import Testing

@Suite("Resilience", .timeLimit(.minutes(1)))
struct ResilienceTests {
    @Test("bounds grow by the factor up to the cap, and the first attempt waits for nothing")
    func bounds() {
        let backoff = Backoff(base: .milliseconds(500), factor: 2, cap: .seconds(3))
        let bounds = (0...5).map { backoff.bound(before: $0) }
        #expect(bounds == [.zero, .milliseconds(500), .seconds(1), .seconds(2), .seconds(3), .seconds(3)])
        #expect(backoff.bound(before: .max) == .seconds(3))
        var generator = SplitMix64(seed: 1)
        for attempt in 0..<100 {
            let pause = backoff.pause(before: attempt, using: &generator)
            #expect(pause >= .zero && pause <= backoff.bound(before: attempt))
        }
    }

    @Test("a lost registration never waits longer than a third of its time-to-live or 5 s")
    func registration() {
        #expect(Backoff.registration(ttl: .seconds(3)).bound(before: 1000) == .seconds(1))
        #expect(Backoff.registration(ttl: .seconds(300)).bound(before: 1000) == .seconds(5))
    }

    @Test("the table: only what may pass and does no harm is repeated")
    func table() {
        for code in BackendError.Code.all {
            for applied in [BackendError.Applied.no, .unknown] {
                for isIdempotent in [true, false] {
                    let error = BackendError(code, "", applied: applied)
                    let expected = (code == .unavailable || code == .timeout) && (isIdempotent || applied == .no)
                    #expect(RetryTable.allowsRetry(after: error, isIdempotent: isIdempotent) == expected)
                }
            }
        }
    }

    @Test("codes have the names of the hub's API and are found by them")
    func codes() {
        for code in BackendError.Code.all { #expect(BackendError.Code(named: code.description) == code) }
        #expect(BackendError.Code(named: "new") == nil)
    }

    @Test("attempts end with success, with the number of attempts, and with time", arguments: [(3, 3), (1, 1)])
    func attempts(_ maximum: Int, _ expected: Int) async {
        let count = Mutex(0)
        let policy = RetryPolicy(backoff: Backoff(base: .microseconds(1)), maximumAttempts: maximum)
        await #expect(throws: BackendError.self) {
            try await policy.run(isIdempotent: true) { () async throws(BackendError) in
                count.withLock { $0 += 1 }
                throw BackendError(.unavailable, "away")
            }
        }
        #expect(count.withLock { $0 } == expected)
    }

    @Test("a pause that the total time does not allow is not begun")
    func totalTime() async {
        let count = Mutex(0)
        let error = await #expect(throws: BackendError.self) {
            try await RetryPolicy(maximumTime: .seconds(30)).run(isIdempotent: true) { () async throws(BackendError) in
                count.withLock { $0 += 1 }
                var error = BackendError(.unavailable, "away")
                error.retryAfter = .seconds(31)
                throw error
            }
        }
        #expect(error?.code == .unavailable)
        #expect(count.withLock { $0 } == 1)
    }

    @Test("a permanent error is not repeated, and cancellation ends a pause")
    func permanence() async {
        let count = Mutex(0)
        _ = try? await RetryPolicy().run(isIdempotent: true) { () async throws(BackendError) in
            count.withLock { $0 += 1 }
            throw BackendError(.permissionDenied, "no")
        }
        #expect(count.withLock { $0 } == 1)
        let clock = ManualClock()
        let code = await withTaskGroup(of: BackendError.Code?.self) { group in
            group.addTask {
                do throws(BackendError) {
                    try await RetryPolicy().run(isIdempotent: true, clock: TimeSource(clock)) {
                        () async throws(BackendError) in
                        throw BackendError(.unavailable, "away")
                    }
                    return nil
                } catch {
                    return error.code
                }
            }
            await clock.waitForSleepers()
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(code == .cancelled)
    }

    @Test("an error says where it happened, and nothing of a lease's secret")
    func descriptions() throws {
        var error = BackendError(.conflict, "changed", backend: "memory", operation: "amend", key: "web/1")
        #expect("\(error)" == "conflict: memory amend web/1: changed")
        #expect(error.shortDescription == "conflict")
        error = BackendError(ValidationError(field: "tags", message: "too many", limit: 32))
        #expect(error.code == .invalidArgument)
        #expect(error.limit == 32)
        let token = LeaseToken(service: try ServiceName("web"), id: try InstanceID("1"), secret: "hunter2")
        for text in ["\(token)", String(reflecting: token), String(describing: [token])] {
            #expect(!text.contains("hunter2"))
        }
        var dumped = ""
        dump(token, to: &dumped)
        #expect(!dumped.contains("hunter2"))
    }
}
