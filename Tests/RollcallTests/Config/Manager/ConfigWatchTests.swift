import Foundation
import RollcallTesting
import Testing

@testable import Rollcall

/// Following what others store (M-9.3), and what of it is not used.
@Suite("Watching configurations", .timeLimit(.minutes(1)))
struct ConfigWatchTests {
    private let bench: ManagerBench

    init() throws {
        self.bench = try ManagerBench()
    }

    private var backend: ScriptedConfigBackend { self.bench.backend }
    private var main: ConfigKey { self.bench.main }

    /// Runs a manager whose watch of the main key is open and heard.
    private func watching(
        _ item: ConfigItem? = nil,
        _ change: (inout ConfigManagerConfiguration) -> Void = { _ in },
        _ body: (ConfigManager) async throws -> Void
    ) async throws {
        let manager = self.bench.manager([item ?? self.bench.item(validate: ManagerBench.picky)], change)
        try await withConfigManager(manager) { manager in
            try await eventually { manager.status(of: self.main)?.freshness == .live && manager.metrics.syncs > 0 }
            try await body(manager)
        }
    }

    @Test("a value with a higher version is used, subscribers are called with it, and it is logged")
    func newer() async throws {
        try await self.watching { manager in
            let calls = Calls()
            manager.subscribe { key, edition in
                // It is readable when subscribers hear of it.
                calls.add("\(key) \(edition.version) \(manager.text(key) ?? "")")
            }
            self.backend.put("theirs", version: 5, at: self.main)
            try await eventually { calls.all == ["\(self.main) 5 theirs"] }
            #expect(self.bench.count("is now version 5") == 1)
            #expect(manager.status(of: self.main)?.source == .remote)
        }
    }

    @Test("a lower or equal version is ignored, is not told twice, and causes no write (GD62, GD63)")
    func notNewer() async throws {
        try await self.watching { manager in
            let calls = Calls()
            manager.subscribe { _, edition in calls.add("\(edition.version)") }
            self.backend.put("five", version: 5, at: self.main)
            try await eventually { calls.all == ["5"] }
            self.backend.put("five", version: 5, at: self.main)
            self.backend.put("four", version: 4, at: self.main)
            try await eventually { manager.status(of: self.main)?.stored == .present(version: 4) }
            self.backend.put("six", version: 6, at: self.main)
            try await eventually { calls.all.last == "6" }
            #expect(calls.all == ["5", "6"])
            #expect(self.backend.writes.map(\.draft.version) == [1])
        }
    }

    @Test("a value that is refused goes to quarantine, is logged as an error once, and leaves with a good one")
    func quarantine() async throws {
        try await self.watching { manager in
            self.backend.put("good", version: 5, at: self.main)
            try await eventually { manager.text(self.main) == "good" }
            self.backend.put("bad", version: 6, at: self.main)
            try await eventually { manager.status(of: self.main)?.quarantine != nil }
            let status = try #require(manager.status(of: self.main))
            #expect(status.quarantine?.edition.version == 6)
            #expect(status.quarantine?.reason == "it is bad")
            #expect(status.current?.content.text == "good")
            #expect(status.stored == .present(version: 6))
            #expect(manager.metrics.quarantinedKeys == 1)
            await #expect(throws: ConfigSyncError.self) { try await manager.sync() }
            let refusal = "version 6 of \(self.main) is refused, version 5 stays in use"
            try await eventually { self.bench.count(refusal, from: .error) == 1 }
            self.backend.put("better", version: 7, at: self.main)
            try await eventually { manager.text(self.main) == "better" }
            #expect(manager.status(of: self.main)?.quarantine == nil)
            #expect(manager.metrics.rejections == 1)
        }
    }

    @Test("a good value that is not newer ends quarantine, too")
    func quarantineEnds() async throws {
        try await self.watching { manager in
            self.backend.put("good", version: 5, at: self.main)
            self.backend.put("bad", version: 6, at: self.main)
            try await eventually { manager.status(of: self.main)?.quarantine != nil }
            self.backend.put("fine", version: 1, at: self.main)
            try await eventually { manager.status(of: self.main)?.quarantine == nil }
        }
    }

    @Test("a value that is to be passed over is dropped in silence")
    func skipped() async throws {
        try await self.watching { manager in
            self.backend.put("skip", version: 6, at: self.main)
            try await eventually { manager.status(of: self.main)?.stored == .present(version: 6) }
            #expect(manager.text(self.main) == "own")
            #expect(manager.status(of: self.main)?.quarantine == nil)
            #expect(self.bench.count("6", from: .warning) == 0)
        }
    }

    @Test("a deletion is visible, the value stays, and whatever is written next is taken (GD65)")
    func deletion() async throws {
        try await self.watching { manager in
            self.backend.put("theirs", version: 5, at: self.main)
            try await eventually { manager.text(self.main) == "theirs" }
            let seen = Calls()
            manager.observe { update in seen.add("\(update.stored) \(update.isNewValue)") }
            self.backend.clear(self.main)
            try await eventually { seen.all == ["absent false"] }
            #expect(manager.text(self.main) == "theirs")
            #expect(manager.metrics.absentKeys == 1)
            #expect(self.bench.count("was deleted in the backend; version 5 stays in use", from: .warning) == 1)
            // A backend that forgets begins to count anew.
            self.backend.put("anew", version: 1, at: self.main)
            try await eventually { manager.text(self.main) == "anew" }
        }
    }

    @Test("a deletion between two values is not lost when both come at once (GD65)")
    func deletionBetween() async throws {
        let gate = Signal()
        let item = self.bench.item { edition in
            // Holds the manager back, so that what follows waits in its mailbox.
            while edition.content.text == "slow", !gate.isRaised { sched_yield() }
        }
        try await self.watching(item) { manager in
            self.backend.put("slow", version: 5, at: self.main)
            try await eventually { self.backend.stored(self.main)?.version == 5 }
            self.backend.clear(self.main)
            self.backend.put("anew", version: 1, at: self.main)
            gate.raise()
            try await eventually { manager.text(self.main) == "anew" }
        }
    }

    @Test("a value that cannot be understood is visible and logged once, and the value stays (GD65)")
    func undecodable() async throws {
        try await self.watching { manager in
            for _ in 0..<3 { self.backend.tell(.undecodable("no JSON"), of: self.main) }
            try await eventually { manager.status(of: self.main)?.stored == .undecodable("no JSON") }
            #expect(manager.text(self.main) == "own")
            #expect(manager.metrics.undecodableKeys == 1)
            self.backend.put("fine", version: 5, at: self.main)
            try await eventually { manager.text(self.main) == "fine" }
            #expect(self.bench.count("cannot be understood", from: .error) == 1)
        }
    }

    @Test("a watch that breaks is opened again, with pauses, and what was missed is made up for (GD57, GD61)")
    func breakage() async throws {
        try await self.watching { manager in
            self.backend.setAway(true)
            try await eventually { manager.status(of: self.main)?.freshness != .live }
            #expect(manager.text(self.main) == "own")
            #expect(manager.status(of: self.main)?.lastError?.code == .unavailable)
            try await eventually { manager.metrics.brokenWatches >= 3 }
            // Only the first is worth a warning.
            #expect(self.bench.count("the watch of \(self.main) broke", from: .warning) == 1)
            self.backend.put("missed", version: 5, at: self.main)
            self.backend.setAway(false)
            try await eventually { manager.text(self.main) == "missed" }
            try await eventually { manager.status(of: self.main)?.freshness == .live }
            self.backend.put("next", version: 6, at: self.main)
            try await eventually { manager.text(self.main) == "next" }
        }
    }

    @Test("after a break, what the program has meanwhile is stored (GD57)")
    func resync() async throws {
        try await self.watching { manager in
            self.backend.setAway(true)
            try await eventually { manager.status(of: self.main)?.freshness != .live }
            manager.refresh(self.bench.item(nil, "newer", version: 8))
            try await eventually { manager.metrics.failedSyncs > 0 }
            self.backend.setAway(false)
            try await eventually { self.backend.stored(self.main)?.content.text == "newer" }
        }
    }

    @Test("what a watch does not tell is found by a comparison, and counted (user ask 20)")
    func missed() async throws {
        try await self.watching(nil, { $0.verifyInterval = .milliseconds(5) }) { manager in
            // Before a watch has told something, it has missed nothing.
            try await eventually { manager.status(of: self.main)?.freshness == .live }
            self.backend.setDeaf(true)
            self.backend.put("untold", version: 5, at: self.main)
            try await eventually { manager.text(self.main) == "untold" }
            try await eventually { manager.metrics.missedChanges == 1 }
            try await eventually { self.bench.count("had missed a change", from: .warning) == 1 }
        }
    }

    @Test("a key that nothing is stored under is not complained about (GD63)")
    func missing() async throws {
        try await self.watching(self.bench.item(nil, nil), { $0.verifyInterval = .milliseconds(2) }) { manager in
            try await eventually { self.backend.reads > 10 }
            #expect(manager.status(of: self.main)?.stored == .absent)
            #expect(self.bench.said.isEmpty)
        }
    }

    @Test("when the manager ends, every watch does, and nothing goes on (GD60, GD64)")
    func end() async throws {
        let before = self.backend.watchCount
        let manager = self.bench.manager([self.bench.item(), self.bench.item(self.bench.other)])
        try await withConfigManager(manager) { manager in
            try await eventually { self.backend.watchCount == 2 }
        }
        #expect(self.backend.watchCount == before)
        let reads = self.backend.reads
        self.backend.put("late", version: 9, at: self.main)
        #expect(manager.text(self.main) == "own")
        #expect(manager.status(of: self.main)?.freshness != .live)
        #expect(self.backend.reads == reads)
    }

    @Test("secrets are not in the log, whatever happens to them")
    func secrets() async throws {
        let item = ConfigItem(self.main, ConfigContent("hunter1"), isSecret: true) { edition in
            if edition.content.text == "hunter3" { throw ConfigRejection("hunter3 is bad") }
        }
        try await self.watching(item) { manager in
            manager.subscribe { _, edition in throw ConfigRejection("cannot use \(edition.content.text ?? "")") }
            self.backend.put("hunter2", version: 5, at: self.main)
            try await eventually { self.bench.count("a subscriber failed") == 1 }
            self.backend.put("hunter3", version: 6, at: self.main)
            try await eventually { manager.status(of: self.main)?.quarantine != nil }
            self.backend.tell(.undecodable("hunter4 is no JSON"), of: self.main)
            try await eventually { self.bench.count("cannot be understood") == 1 }
            self.backend.failReads(of: self.main, BackendError(.protocolViolation, "hunter5 is no JSON"))
            _ = try? await manager.sync()
            manager.syncInBackground()
            try await eventually { self.bench.count("could not be synced") == 1 }
        }
        #expect(self.bench.count("hunter") == 0)
    }
}
