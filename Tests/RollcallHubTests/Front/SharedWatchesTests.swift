import Rollcall
import RollcallTesting
import Testing

@testable import RollcallHub

@Suite("Watches that many share", .timeLimit(.minutes(1)))
struct SharedWatchesTests {
    /// What stands for an engine: tells states by hand, and counts who watches.
    private final class Engine: Sendable {
        let open = MutexBox(0)
        let opened = Tally()
        let deliver = MutexBox<(@Sendable (Int) -> Void)?>(nil)
        let failure = MutexBox<BackendError?>(nil)
        let failing = Signal()

        func watch(_ deliver: @escaping @Sendable (Int) -> Void) async throws(BackendError) -> Never {
            self.open.change { $0 += 1 }
            self.opened.add()
            self.deliver.change { $0 = deliver }
            await self.failing.wait()
            self.open.change { $0 -= 1 }
            throw self.failure.value ?? BackendError(.cancelled, "the task was cancelled")
        }
    }

    private func withWatches(
        _ engine: Engine,
        linger: Duration = .milliseconds(20),
        failed: @escaping @Sendable (String, BackendError) -> Void = { _, _ in },
        _ body: @escaping @Sendable (SharedWatches<String, Int>) async throws -> Void
    ) async throws {
        let jobs = JobQueue()
        let watches = SharedWatches<String, Int>(jobs: jobs, clock: TimeSource(), linger: linger) {
            (_, deliver) throws(BackendError) in
            try await engine.watch(deliver)
        } changed: { _, _ in
        } failed: {
            failed($0, $1)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await jobs.run() }
            defer { group.cancelAll() }
            try await body(watches)
        }
    }

    @Test("a hundred who follow one key have one watch, which ends a while after the last left")
    func shared() async throws {
        let engine = Engine()
        try await self.withWatches(engine) { watches in
            let holds = try (0..<100).map { _ in try watches.hold("a") }
            try await eventually { engine.deliver.value != nil }
            engine.deliver.value?(7)
            for hold in holds { #expect(try await watches.state(hold, within: .seconds(5)) == 7) }
            for hold in holds.dropFirst() { watches.release(hold) }
            #expect(watches.state(of: "a") == 7)
            watches.release(holds[0])
            try await eventually { engine.open.value == 0 && watches.count == 0 }
            #expect(engine.opened.value == 1)
        }
    }

    @Test("who comes back in time finds the watch open")
    func lingering() async throws {
        let engine = Engine()
        try await self.withWatches(engine, linger: .seconds(60)) { watches in
            for _ in 0..<10 { watches.release(try watches.hold("a")) }
            let hold = try watches.hold("a")
            try await eventually { engine.deliver.value != nil }
            engine.deliver.value?(1)
            #expect(try await watches.state(hold, within: .seconds(5)) == 1)
            #expect(engine.opened.value == 1)
        }
    }

    @Test("no state in time is an error, and so is a watch that fails, which the next to come opens anew")
    func failures() async throws {
        let engine = Engine()
        let failed = Tally()
        try await self.withWatches(engine) { _, _ in
            failed.add()
        } _: { watches in
            let hold = try watches.hold("a")
            let late = await #expect(throws: BackendError.self) {
                try await watches.state(hold, within: .milliseconds(10))
            }
            #expect(late?.code == .unavailable)
            try await eventually { engine.deliver.value != nil }
            engine.deliver.value?(1)
            engine.failure.change { $0 = BackendError(.permissionDenied, "not you") }
            engine.failing.raise()
            try await eventually { failed.value == 1 }
            let refused = await #expect(throws: BackendError.self) {
                try await watches.state(hold, within: .seconds(5))
            }
            #expect(refused?.code == .permissionDenied)
            // Its hold is of a watch that is gone: giving it back does not touch the next one.
            let next = try watches.hold("a")
            watches.release(hold)
            try await eventually { engine.opened.value == 2 }
            _ = next
        }
    }

    @Test("all end at once when the engine is away")
    func endAll() async throws {
        let engine = Engine()
        try await self.withWatches(engine) { watches in
            let hold = try watches.hold("a")
            try await eventually { engine.open.value == 1 }
            watches.endAll(BackendError(.unavailable, "away"))
            let error = await #expect(throws: BackendError.self) { try await watches.state(hold, within: .seconds(5)) }
            #expect(error?.message == "away")
            #expect(watches.count == 0)
            try await eventually { engine.open.value == 0 }
        }
    }
}
