import RollcallTesting
import Testing

@testable import Rollcall

/// Telling the program what changed (M-9.5).
@Suite("Subscribers of configurations", .timeLimit(.minutes(1)))
struct ConfigSubscriberTests {
    private struct Panic: Error {}

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

    @Test("every subscriber gets every key, or those that it asked for")
    func keys() async throws {
        try await self.running { manager in
            let (all, some) = (Calls(), Calls())
            manager.subscribe { key, _ in all.add(key.text) }
            manager.subscribe(to: [self.main]) { key, _ in some.add(key.text) }
            self.backend.put("1", version: 5, at: self.bench.other)
            try await eventually { all.all == [self.bench.other.text] }
            self.backend.put("2", version: 5, at: self.main)
            try await eventually { all.all.count == 2 && some.all == [self.main.text] }
        }
    }

    @Test("one that throws is logged with the key, is called again, and harms no other (G32)")
    func isolation() async throws {
        try await self.running { manager in
            let calls = Calls()
            manager.subscribe { _, _ in throw Panic() }
            manager.subscribe { _, edition in calls.add("\(edition.version)") }
            for version in 5...7 {
                self.backend.put("x", version: Int64(version), at: self.main)
                try await eventually { calls.all.last == "\(version)" }
                try await eventually { manager.metrics.subscriberFailures == version - 4 }
            }
            #expect(calls.all == ["5", "6", "7"])
            #expect(self.bench.count("a subscriber failed with \(self.main): Panic()", from: .error) == 3)
        }
    }

    @Test("versions come in order, never two at a time, and the last one always comes (GD58)")
    func order() async throws {
        try await self.running { manager in
            let calls = Calls()
            manager.subscribe { _, edition in
                calls.add("+\(edition.version)")
                await Task.yield()
                calls.add("-\(edition.version)")
            }
            for version in 2...200 {
                self.backend.put("x", version: Int64(version), at: self.main)
                if version.isMultiple(of: 20) { await Task.yield() }
            }
            try await eventually { calls.all.last == "-200" }
            let versions = calls.all.compactMap { Int($0.dropFirst()) }
            #expect(versions == versions.sorted())
            #expect(calls.all.enumerated().allSatisfy { $1.hasPrefix($0.isMultiple(of: 2) ? "+" : "-") })
        }
    }

    @Test("a slow one delays no other, and gets only the latest when it is done")
    func slow() async throws {
        try await self.running { manager in
            let (gate, slow, quick) = (Signal(), Calls(), Calls())
            manager.subscribe { _, edition in
                slow.add("\(edition.version)")
                await gate.wait()
            }
            manager.subscribe { _, edition in quick.add("\(edition.version)") }
            for version in 5...9 {
                self.backend.put("x", version: Int64(version), at: self.main)
                try await eventually { quick.all.last == "\(version)" && !slow.all.isEmpty }
            }
            #expect(slow.all == ["5"])
            gate.raise()
            try await eventually { slow.all == ["5", "9"] }
        }
    }

    @Test("a subscription that was cancelled is not called any more, the others are (GD58)")
    func cancel() async throws {
        try await self.running { manager in
            let (ended, going) = (Calls(), Calls())
            let subscription = manager.subscribe { _, edition in ended.add("\(edition.version)") }
            manager.subscribe { _, edition in going.add("\(edition.version)") }
            self.backend.put("x", version: 5, at: self.main)
            try await eventually { ended.all == ["5"] && going.all == ["5"] }
            subscription.cancel()
            subscription.cancel()
            self.backend.put("x", version: 6, at: self.main)
            try await eventually { going.all == ["5", "6"] }
            #expect(ended.all == ["5"])
        }
    }

    @Test("what the program stores is no news to it, even when several syncs of it race with its watch")
    func ownWrites() async throws {
        for _ in 0..<20 {
            let bench = try ManagerBench()
            let manager = bench.manager([bench.item()]) { $0.syncsAtStart = false }
            let calls = Calls()
            try await withConfigManager(manager) { manager in
                manager.subscribe { _, edition in calls.add("\(edition.version)") }
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<4 { group.addTask { _ = try? await manager.sync() } }
                }
                bench.backend.put("theirs", version: 5, at: bench.main)
                try await eventually { calls.all.last == "5" }
            }
            #expect(calls.all == ["5"])
        }
    }

    @Test("updates give the current state of each key first, then the latest of what changed")
    func updates() async throws {
        try await self.running { manager in
            try await manager.withUpdates { updates in
                var iterator = updates.makeAsyncIterator()
                var first: [ConfigKey: ConfigUpdate] = [:]
                for _ in 0..<2 {
                    let update = try #require(try await iterator.next())
                    first[update.key] = update
                }
                #expect(first.values.allSatisfy { $0.current?.content.text == "own" && $0.isNewValue })
                for version in 5...50 { self.backend.put("v\(version)", version: Int64(version), at: self.main) }
                try await eventually { manager.text(self.main) == "v50" }
                // How the first sync ended may still be news.
                var update = try #require(try await iterator.next())
                while update.current?.version != 50 { update = try #require(try await iterator.next()) }
                #expect(update.isNewValue)
                self.backend.clear(self.main)
                update = try #require(try await iterator.next())
                while update.key != self.main { update = try #require(try await iterator.next()) }
                #expect(update.stored == .absent)
                #expect(!update.isNewValue)
                #expect(update.current?.version == 50)
                manager.beginShutdown()
                while let rest = try await iterator.next() { #expect(rest.key != self.main) }
            }
        }
    }
}
