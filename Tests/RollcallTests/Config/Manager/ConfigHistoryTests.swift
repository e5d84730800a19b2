import RollcallTesting
import Testing

@testable import Rollcall

/// What the program changes itself (M-9.6), what is remembered, and what is brought back (M-9.7).
@Suite("Refreshing and rolling back", .timeLimit(.minutes(1)))
struct ConfigHistoryTests {
    private let bench: ManagerBench

    init() throws {
        self.bench = try ManagerBench()
    }

    private var backend: ScriptedConfigBackend { self.bench.backend }
    private var main: ConfigKey { self.bench.main }

    @Test("a refresh of a key that is not kept does nothing, and says so (G34)")
    func unknownKey() async throws {
        let manager = self.bench.manager([self.bench.item()])
        #expect(manager.refresh(self.bench.item(self.bench.other)) == .unknownKey)
        #expect(manager.value(for: self.bench.other) == nil)
        #expect(manager.status(of: self.bench.other) == nil)
        #expect(manager.history(of: self.bench.other).isEmpty)
        #expect(self.bench.count("was not refreshed", from: .warning) == 1)
    }

    @Test("a refresh replaces the own at once, and has all keys synced in the background")
    func refresh() async throws {
        let manager = self.bench.manager([self.bench.item(), self.bench.item(self.bench.other)]) {
            $0.syncsAtStart = false
        }
        try await withConfigManager(manager) { manager in
            #expect(manager.refresh(self.bench.item(nil, "new", version: 3)) == .taken)
            #expect(manager.text(self.main) == "new")
            try await eventually {
                self.backend.stored(self.main)?.version == 3 && self.backend.stored(self.bench.other)?.version == 1
            }
        }
    }

    @Test("a refresh with a lower version gives way to what is stored (rule 7)")
    func lowerRefresh() async throws {
        self.backend.put("theirs", version: 9, at: self.main)
        let manager = self.bench.manager([self.bench.item()])
        try await withConfigManager(manager) { manager in
            try await eventually { manager.text(self.main) == "theirs" }
            manager.refresh(self.bench.item(nil, "old", version: 2))
            try await eventually { manager.text(self.main) == "theirs" && manager.metrics.adoptions == 2 }
        }
    }

    @Test("a refresh keeps the validator, and one that it refuses changes nothing")
    func refusedRefresh() async throws {
        let manager = self.bench.manager([self.bench.item(validate: ManagerBench.picky)])
        #expect(manager.refresh(self.bench.item(nil, "bad", version: 3)) == .refused(reason: "it is bad"))
        #expect(manager.text(self.main) == "own")
        #expect(manager.refresh(self.bench.item(nil, "fine", version: 3)) == .taken)
        #expect(manager.refresh(self.bench.item(nil, "bad", version: 4)) == .refused(reason: "it is bad"))
        let item = self.bench.item(nil, "bad", version: 4) { _ in }
        #expect(manager.refresh(item) == .taken)
    }

    @Test("every edition in force is remembered with its source and time, up to a limit")
    func history() async throws {
        let clock = ManualClock()
        let manager = self.bench.manager([self.bench.item(version: 1)]) {
            $0.historyLimit = 3
            $0.clock = TimeSource(clock)
        }
        try await manager.sync()
        for version in 2...4 {
            clock.advance(by: .seconds(60))
            self.backend.put("v\(version)", version: Int64(version), at: self.main)
            try await manager.sync()
        }
        let history = manager.history(of: self.main)
        #expect(history.map(\.version) == [4, 3, 2])
        #expect(history.allSatisfy { $0.source == .remote })
        #expect(history.map { $0.takenAt.elapsed } == [.seconds(180), .seconds(120), .seconds(60)])
    }

    @Test("storing the own does not make two editions of it")
    func ownHistory() async throws {
        let manager = self.bench.manager([self.bench.item()])
        try await manager.sync()
        #expect(manager.history(of: self.main).map(\.version) == [1])
        #expect(manager.history(of: self.main).map(\.source) == [.local])
    }

    @Test("a roll-back stores an earlier content as a new version above all, uses it and tells subscribers")
    func rollBack() async throws {
        let manager = self.bench.manager([self.bench.item()])
        try await withConfigManager(manager) { manager in
            let calls = Calls()
            manager.subscribe { _, edition in calls.add("\(edition.version) \(edition.source)") }
            self.backend.put("good", version: 5, at: self.main)
            try await eventually { calls.all == ["5 remote"] }
            self.backend.put("worse", version: 6, at: self.main)
            try await eventually { calls.all.last == "6 remote" }
            #expect(try await manager.rollBack(self.main, to: 5) == 7)
            #expect(manager.text(self.main) == "good")
            #expect(manager.value(for: self.main)?.version == 7)
            #expect(self.backend.stored(self.main)?.content.text == "good")
            #expect(self.backend.stored(self.main)?.version == 7)
            try await eventually { calls.all.last == "7 rollback" }
            #expect(manager.history(of: self.main).map(\.version) == [7, 6, 5, 1])
            #expect(manager.status(of: self.main)?.source == .rollback)
        }
    }

    @Test("a roll-back does not write over what somebody stored meanwhile without having read it")
    func rollBackConflict() async throws {
        let manager = self.bench.manager([self.bench.item(version: 1)])
        try await manager.sync()
        self.backend.put("two", version: 2, at: self.main)
        try await manager.sync()
        self.backend.beforeWrites {
            self.backend.beforeWrites(nil)
            self.backend.put("nine", version: 9, at: self.main)
        }
        #expect(try await manager.rollBack(self.main, to: 1) == 10)
        #expect(self.backend.stored(self.main)?.content.text == "own")
    }

    @Test("what only the backend remembers is brought back from there")
    func backendHistory() async throws {
        let memory = MemoryBackend()
        for text in ["one", "two", "three"] {
            _ = try await memory.write(ConfigDraft(ConfigContent(text)), to: self.main, expecting: .any)
        }
        let manager = self.bench.manager([self.bench.item(nil, nil)], over: memory)
        try await manager.sync()
        #expect(try await manager.rollBack(self.main, to: 1) == 4)
        #expect(manager.text(self.main) == "one")
        #expect(try await memory.entry(for: self.main)?.version == 4)
        // Deleted since, on a backend that remembers versions.
        try await memory.delete(self.main, expecting: .any)
        #expect(try await manager.rollBack(self.main, to: 2) == 6)
    }

    @Test("a version that nobody remembers, one refused by now, and a key that is not kept cannot be brought back")
    func noRollBack() async throws {
        let manager = self.bench.manager([self.bench.item(nil, "bad", version: 1, validate: ManagerBench.picky)])
        func code(_ key: ConfigKey, _ version: Int64) async -> BackendError.Code? {
            do throws(BackendError) { try await manager.rollBack(key, to: version) } catch { return error.code }
            return nil
        }
        #expect(await code(self.main, 7) == .notFound)
        #expect(await code(self.bench.other, 1) == .notFound)
        #expect(await code(self.main, 1) == .invalidArgument)
        manager.refresh(self.bench.item(nil, "fine", version: .max))
        #expect(await code(self.main, .max) == .invalidArgument)
        #expect(self.backend.writes.isEmpty)
    }
}
