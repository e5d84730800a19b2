import RollcallTesting
import Testing

@testable import Rollcall

/// A sync on a backend, with all that the table leaves to the one who carries it out.
@Suite("Sync of configurations", .timeLimit(.minutes(1)))
struct ConfigSyncTests {
    private let bench: ManagerBench

    init() throws {
        self.bench = try ManagerBench()
    }

    private var backend: ScriptedConfigBackend { self.bench.backend }

    @Test("row 1: a key that cannot be read is an error, and all others are done (GD55)")
    func row1() async throws {
        self.backend.failReads(of: self.bench.other, BackendError(.unavailable, "no leader"))
        let third = try ConfigKey("third")
        self.backend.put("theirs", version: 3, at: third)
        let manager = self.bench.manager([
            self.bench.item(), self.bench.item(self.bench.other), self.bench.item(third),
        ])
        let error = try await #require(throws: ConfigSyncError.self) { try await manager.sync() }
        #expect(error.errors.keys.sorted() == [self.bench.other])
        #expect(error.errors[self.bench.other]?.code == .unavailable)
        #expect(error.report.outcomes == [self.bench.main: .uploaded(version: 1), third: .adopted(version: 3)])
        #expect(error.description.contains("1 of 3 keys could not be synced: config/my-app/db: unavailable"))
        #expect(manager.status(of: self.bench.other)?.lastError?.code == .unavailable)
    }

    @Test("every key that fails is reported, not only the first (GD55)")
    func allErrors() async throws {
        self.backend.put("bad", version: 3, at: self.bench.main)
        let manager = self.bench.manager([
            self.bench.item(validate: ManagerBench.picky),
            self.bench.item(self.bench.other, "bad", validate: ManagerBench.picky),
        ])
        let error = try await #require(throws: ConfigSyncError.self) { try await manager.sync() }
        #expect(error.errors.count == 2)
        #expect(error.errors.values.allSatisfy { $0.code == .invalidArgument })
        #expect(self.backend.writes.isEmpty)
    }

    @Test("rows 4 and 8: what the program has is stored, and no subscriber is called")
    func uploads() async throws {
        self.backend.put("old", version: 2, at: self.bench.other)
        let manager = self.bench.manager([self.bench.item(), self.bench.item(self.bench.other, "new", version: 7)]) {
            $0.syncsAtStart = false
        }
        let calls = Calls()
        try await withConfigManager(manager) { manager in
            manager.subscribe { key, _ in calls.add(key.text) }
            let report = try await manager.sync()
            #expect(report.outcomes[self.bench.main] == .uploaded(version: 1))
            #expect(report.outcomes[self.bench.other] == .uploaded(version: 7))
            #expect(manager.value(for: self.bench.main)?.version == 1)
            #expect(self.backend.stored(self.bench.other)?.content.text == "new")
            #expect(self.backend.stored(self.bench.other)?.version == 7)
            // Something that is news, behind which all that came before was called.
            self.backend.put("theirs", version: 2, at: self.bench.main)
            try await eventually { calls.all.contains(self.bench.main.text) }
        }
        #expect(calls.all == [self.bench.main.text])
    }

    @Test("the user's validator judges what is stored, and goes on to after something was taken (GD52)")
    func validatorStays() async throws {
        let manager = self.bench.manager([self.bench.item(validate: ManagerBench.picky)])
        for (text, version) in [("good", Int64(5)), ("bad", 6), ("skip", 7)] {
            self.backend.put(text, version: version, at: self.bench.main)
            _ = try? await manager.sync()
            #expect(manager.text(self.bench.main) == "good")
        }
        #expect(manager.status(of: self.bench.main)?.quarantine?.reason == "it is bad")
        self.backend.put("fine", version: 8, at: self.bench.main)
        try await manager.sync()
        #expect(manager.text(self.bench.main) == "fine")
        #expect(manager.status(of: self.bench.main)?.quarantine == nil)
    }

    @Test("what somebody wrote between the comparison and the write is not written over (GD54, GD68)")
    func compareAndSet() async throws {
        self.backend.put("old", version: 1, at: self.bench.main)
        self.backend.beforeWrites {
            self.backend.beforeWrites(nil)
            self.backend.put("theirs", version: 9, at: self.bench.main)
        }
        let manager = self.bench.manager([self.bench.item(version: 5)])
        let report = try await manager.sync()
        #expect(report.outcomes[self.bench.main] == .adopted(version: 9))
        #expect(self.backend.stored(self.bench.main)?.content.text == "theirs")
        #expect(manager.text(self.bench.main) == "theirs")
    }

    @Test("a key that somebody changes each time is an error after a few tries, not a loop without end (GD54)")
    func endless() async throws {
        self.backend.put("old", version: 1, at: self.bench.main)
        self.backend.beforeWrites { self.backend.put("again", version: 1, at: self.bench.main) }
        let manager = self.bench.manager([self.bench.item(version: 5)])
        let error = try await #require(throws: ConfigSyncError.self) { try await manager.sync() }
        #expect(error.errors[self.bench.main]?.code == .conflict)
        #expect(self.backend.writes.count == 8)
    }

    @Test("of many managers that bring different contents one wins, and all use the same in the end (GD54)")
    func publishers() async throws {
        let memory = MemoryBackend()
        let managers = (1...8).map { self.bench.manager([self.bench.item(nil, "from \($0)")], over: memory) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for manager in managers { group.addTask { try await manager.sync() } }
            try await group.waitForAll()
        }
        let stored = try #require(try await memory.entry(for: self.bench.main))
        #expect(stored.version == 1)
        #expect(Set(managers.map { $0.text(self.bench.main) }) == [stored.content.text])
    }

    @Test("the same version with a different content is reported, logged once, and nothing is changed (GD55)")
    func differs() async throws {
        self.backend.put("theirs", version: 5, at: self.bench.main)
        let manager = self.bench.manager([self.bench.item(version: 5)])
        for _ in 0..<2 {
            let report = try await manager.sync()
            #expect(report.differing == [self.bench.main])
        }
        #expect(manager.text(self.bench.main) == "own")
        #expect(manager.status(of: self.bench.main)?.differs == true)
        #expect(self.backend.writes.isEmpty)
        #expect(self.bench.count("different contents", from: .warning) == 1)
    }

    @Test("syncs, refreshes and reads from many tasks at once lose nothing and crash nothing (GD56)")
    func concurrency() async throws {
        let manager = self.bench.manager([self.bench.item()])
        await withTaskGroup(of: Void.self) { group in
            for version in 1...40 {
                group.addTask {
                    manager.refresh(self.bench.item(nil, "v\(version)", version: Int64(version)))
                    _ = manager.value(for: self.bench.main)
                    _ = try? await manager.sync()
                }
            }
        }
        _ = try? await manager.sync()
        let stored = try #require(self.backend.stored(self.bench.main))
        #expect(manager.value(for: self.bench.main)?.version == stored.version)
        #expect(manager.value(for: self.bench.main)?.content == stored.content)
    }

    @Test("an item without a content crashes nothing: it follows what is stored (GD56)")
    func nothingOfItsOwn() async throws {
        let manager = self.bench.manager([self.bench.item(nil, nil)])
        #expect(manager.value(for: self.bench.main) == nil)
        #expect(manager.status(of: self.bench.main)?.source == ConfigStatus.Source.none)
        guard case .leftAlone = try await manager.sync().outcomes[self.bench.main] else {
            Issue.record("it was not left alone")
            return
        }
        self.backend.put("theirs", version: 1, at: self.bench.main)
        #expect(try await manager.sync().outcomes[self.bench.main] == .adopted(version: 1))
    }

    @Test("what cannot be understood is read once, told from nothing, never written over, and fails alone (GD66)")
    func malformed() async throws {
        self.backend.failReads(of: self.bench.main, BackendError(.protocolViolation, "no JSON at byte 3"))
        let manager = self.bench.manager([self.bench.item(version: 9), self.bench.item(self.bench.other)])
        let error = try await #require(throws: ConfigSyncError.self) { try await manager.sync() }
        #expect(error.errors.keys.sorted() == [self.bench.main])
        #expect(self.backend.reads == 2)
        #expect(self.backend.writes.map(\.key) == [self.bench.other])
        #expect(manager.status(of: self.bench.main)?.stored == .undecodable("no JSON at byte 3"))
        #expect(manager.text(self.bench.main) == "own")
    }

    @Test("a backend that does not answer ends the sync in time, and cancelling ends it at once (GD60, GD67)")
    func hanging() async throws {
        self.backend.setHanging(true)
        let manager = self.bench.manager([self.bench.item()]) { $0.timeout = .milliseconds(20) }
        let error = try await #require(throws: ConfigSyncError.self) { try await manager.sync() }
        #expect(error.errors[self.bench.main]?.code == .timeout)
        // What is in force is read all the same.
        #expect(manager.text(self.bench.main) == "own")
        let patient = self.bench.manager([self.bench.item()]) { $0.timeout = .seconds(3600) }
        let codes = await withTaskGroup(of: BackendError.Code?.self) { group in
            group.addTask {
                do throws(ConfigSyncError) { try await patient.sync() } catch {
                    return error.errors[self.bench.main]?.code
                }
                return nil
            }
            group.cancelAll()
            return await group.next() ?? nil
        }
        #expect(codes == .cancelled)
    }

    @Test("a backend that counts deleted versions takes the own again, above them, when somebody asks")
    func tombstone() async throws {
        let memory = MemoryBackend()
        let manager = self.bench.manager([self.bench.item()], over: memory)
        try await manager.sync()
        try await memory.delete(self.bench.main, expecting: .any)
        #expect(try await manager.sync().outcomes[self.bench.main] == .uploaded(version: 3))
        #expect(manager.value(for: self.bench.main)?.version == 3)
    }

    @Test("a write whose answer was lost is found by the next sync")
    func lostAnswer() async throws {
        self.backend.setLosingAnswers(true)
        let manager = self.bench.manager([self.bench.item(version: 4)])
        await #expect(throws: ConfigSyncError.self) { try await manager.sync() }
        self.backend.setLosingAnswers(false)
        #expect(try await manager.sync().outcomes[self.bench.main] == .unchanged(version: 4))
        #expect(self.backend.writes.count == 1)
    }

    @Test("in memory everything works, so that a program needs no server (GD72)")
    func memory() async throws {
        let manager = try ConfigManager(
            keys: [self.bench.main, self.bench.other],
            items: [self.bench.item()],
            configuration: self.bench.configuration
        ) { () throws(BackendError) in MemoryBackend() }
        try await withConfigManager(manager) { manager in
            let report = try await manager.sync()
            #expect(report.outcomes[self.bench.main] == .unchanged(version: 1))
            #expect(manager.keys == [self.bench.other, self.bench.main])
        }
        #expect(throws: BackendError.self) {
            try ConfigManager(keys: [self.bench.other], items: [self.bench.item()]) { () throws(BackendError) in
                MemoryBackend()
            }
        }
    }

    @Test("a sync in the background is done by run(), and what fails is logged (G30)")
    func background() async throws {
        let manager = self.bench.manager([self.bench.item()]) { $0.syncsAtStart = false }
        manager.syncInBackground()
        #expect(self.backend.reads == 0)
        try await withConfigManager(manager) { manager in
            try await eventually { self.backend.stored(self.bench.main) != nil }
            self.backend.failReads(of: self.bench.main, BackendError(.unavailable, "no leader"))
            manager.syncInBackground()
            try await eventually { self.bench.count("could not be synced: unavailable: no leader", from: .warning) > 0 }
        }
    }
}
