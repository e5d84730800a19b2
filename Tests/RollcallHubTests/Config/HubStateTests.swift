import Foundation
import Rollcall
import RollcallTesting
import SQLiteEngine
import Testing

@testable import RollcallHub

@Suite("The hub's state on the disk", .timeLimit(.minutes(2)))
struct HubStateTests {
    private static func place(_ key: String = "shop/limits") throws -> ConfigTable.Place {
        ConfigTable.Place(namespace: .default, key: try ConfigKey(key))
    }

    /// Opens a store, runs it while `body` runs, and closes it.
    private static func withStore<Value: Sendable>(
        _ folder: String?,
        _ body: @escaping @Sendable (HubStore) async throws -> Value
    ) async throws -> Value {
        let store = try HubStore(folder: folder)
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                await store.run()
                return nil
            }
            group.addTask { try await body(store) }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }

    private static func put(_ text: String, _ key: String = "shop/limits", in store: HubStore) async throws {
        let change = ConfigChange(try ConfigKey(key), .write(ConfigDraft(ConfigContent(text), name: "Limits")))
        _ = try await store.config.apply([change], in: .default)
    }

    @Test("all that is stored is there after a start: contents, history, candidates, versions of what was deleted")
    func restart() async throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path + "/data"
        let place = try Self.place()
        let before = try await Self.withStore(folder) { store in
            try await Self.put("1", in: store)
            try await Self.put("2", in: store)
            try await Self.put("x", "gone", in: store)
            _ = try await store.config.apply([ConfigChange(try ConfigKey("gone"), .delete)], in: .default)
            _ = try await store.config.propose(
                ConfigDraft(ConfigContent(bytes: [0xFF, 0x00])),
                for: ConfigAudience(zones: ["a"], share: 250),
                at: place,
                expecting: .absent
            )
            return (
                store.config.entry(at: place), store.config.candidate(at: place),
                try await store.config.history(at: place)
            )
        }
        try await Self.withStore(folder) { store in
            #expect(store.config.entry(at: place) == before.0)
            #expect(store.config.candidate(at: place) == before.1)
            #expect(try await store.config.history(at: place) == before.2)
            #expect(try await store.config.entry(at: place, version: 1)?.content.text == "1")
            #expect(store.config.entry(at: try Self.place("gone")) == nil)
            try await Self.put("y", "gone", in: store)
            #expect(store.config.entry(at: try Self.place("gone"))?.version == 3)
        }
    }

    @Test("who held a lock holds it after a start, for one time-to-live, and tokens go on")
    func locks() async throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path + "/data"
        let place = LockTable.Place(namespace: .default, name: try LockName("nightly"))
        let token = try await Self.withStore(folder) { store in
            for _ in 0..<3 {
                _ = try await store.locks.acquire(place, proof: "p", ttl: .seconds(1), wait: .zero, end: Signal())
                try await store.locks.release(place, proof: "p")
            }
            return try await store.locks.acquire(place, proof: "p", ttl: .seconds(1), wait: .zero, end: Signal())?.token
        }
        #expect(token == 4)
        try await Self.withStore(folder) { store in
            #expect(store.locks.holder(at: place)?.token == 4)
            _ = try store.locks.renew(place, proof: "p")
            let next = try await store.locks.acquire(
                place,
                proof: "q",
                ttl: .seconds(1),
                wait: .seconds(20),
                end: Signal()
            )
            #expect(next?.token == 5)
            #expect(throws: BackendError.self) { try store.locks.renew(place, proof: "p") }
        }
    }

    @Test("a file that is newer, of something else, or damaged is refused, and left as it is")
    func refusals() async throws {
        for (fault, part) in [
            ("PRAGMA user_version = 9", "version 9"), ("PRAGMA application_id = 7", "something else"),
            ("UPDATE states SET bytes = x'00'", "not what was written"),
            ("UPDATE states SET version = 7", "not what was written"), ("UPDATE states SET place = 99", "has no key"),
            ("DROP TABLE locks", "no such table"),
        ] {
            let temporary = try TemporaryFolder()
            defer { withExtendedLifetime(temporary) {} }
            let folder = temporary.path + "/data"
            try await Self.withStore(folder) { store in try await Self.put("1", in: store) }
            let path = folder + "/" + StateFile.name
            try Database(path: path).execute(fault)
            let bytes = try Data(contentsOf: URL(filePath: path))
            let error = #expect(throws: BackendError.self) { try HubStore(folder: folder) }
            #expect(error?.message.contains(part) == true, "\(fault): \(error?.message ?? "")")
            #expect(error?.message.contains(path) == true)
            #expect(try Data(contentsOf: URL(filePath: path)) == bytes, "\(fault)")
        }
    }

    @Test("a file that is no database at all is refused")
    func noDatabase() throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path
        try Data("not a database, but long enough to be read as one".utf8).write(
            to: URL(filePath: folder + "/" + StateFile.name)
        )
        let error = #expect(throws: BackendError.self) { try HubStore(folder: folder) }
        #expect(error?.code == .protocolViolation)
    }

    @Test("the file, its log and a backup can be read by their owner only")
    func modes() async throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path
        try await Self.withStore(folder) { store in
            try await Self.put("secret", in: store)
            for name in [StateFile.name, StateFile.name + "-wal"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/" + name)
                #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "\(name)")
            }
        }
        try HubBackup.write(folder, to: folder + "/copy")
        let attributes = try FileManager.default.attributesOfItem(atPath: folder + "/copy")
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }

    @Test("a backup that is put back has what was stored then, and counts above all that were given since")
    func backups() async throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path + "/data"
        let copy = folder + ".backup"
        let place = try Self.place()
        let lock = LockTable.Place(namespace: .default, name: try LockName("nightly"))
        try await Self.withStore(folder) { store in
            try await Self.put("1", in: store)
            let file = try await store.backup()
            var bytes: [UInt8] = []
            while let piece = try file.read(upTo: 4096) { bytes += piece }
            try Data(bytes).write(to: URL(filePath: copy))
            try await Self.put("2", in: store)
            _ = try await store.locks.acquire(lock, proof: "p", ttl: .seconds(60), wait: .zero, end: Signal())
        }
        let restored = try HubBackup.restore(copy, to: folder)
        #expect(restored.keys == 1)
        #expect(FileManager.default.fileExists(atPath: try #require(restored.former)))
        try await Self.withStore(folder) { store in
            #expect(store.config.entry(at: place)?.content.text == "1")
            #expect(store.locks.holder(at: lock) == nil)
            try await Self.put("3", in: store)
            #expect(try #require(store.config.entry(at: place)).revision.number > 1 << 44)
            let grant = try await store.locks.acquire(lock, proof: "q", ttl: .seconds(60), wait: .zero, end: Signal())
            #expect(try #require(grant).token > 1 << 44)
        }
    }

    @Test("what is no backup is not put back, and the folder stays as it is")
    func badBackups() async throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path + "/data"
        try await Self.withStore(folder) { store in try await Self.put("1", in: store) }
        let rubbish = folder + ".rubbish"
        try Data("rubbish".utf8).write(to: URL(filePath: rubbish))
        #expect(throws: BackendError.self) { try HubBackup.restore(rubbish, to: folder) }
        #expect(throws: BackendError.self) { try HubBackup.restore(folder + ".nothing", to: folder) }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(!names.contains { $0.contains(".new") || $0.contains("before") }, "\(names)")
        try await Self.withStore(folder) { store in
            let place = try Self.place()
            #expect(store.config.entry(at: place)?.content.text == "1")
            // While a hub runs, nobody takes its state away.
            let error = #expect(throws: BackendError.self) { try HubBackup.restore(rubbish, to: folder) }
            #expect(error?.code == .unavailable)
        }
    }

    @Test("writes of many at once are committed together, each with its own outcome")
    func groupCommit() async throws {
        try await Self.withStore(nil) { store in
            let key = try ConfigKey("a")
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let draft = ConfigDraft(ConfigContent("\(number)"))
                        let change = ConfigChange(key, .write(draft), expecting: .absent)
                        return (try? await store.config.apply([change], in: .default)) != nil
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(outcomes == 1)
            #expect(store.config.entry(at: try Self.place("a"))?.version == 1)
        }
    }

    @Test("a restore that was interrupted is not taken for an empty hub, and copies that were left are removed")
    func interrupted() async throws {
        let temporary = try TemporaryFolder()
        defer { withExtendedLifetime(temporary) {} }
        let folder = temporary.path + "/data"
        try await Self.withStore(folder) { store in try await Self.put("1", in: store) }
        try HubBackup.write(folder, to: folder + ".copy")
        let name = folder + "/" + StateFile.name
        let files = FileManager.default
        try files.copyItem(atPath: name, toPath: name + ".new")
        try files.moveItem(atPath: name, toPath: name + ".before-now")
        let error = #expect(throws: BackendError.self) { try HubStore(folder: folder) }
        #expect(error?.message.contains("interrupted") == true)
        let restored = try HubBackup.restore(folder + ".copy", to: folder)
        #expect(restored.keys == 1)
        #expect(files.createFile(atPath: folder + "/backup-of-state-1.sqlite", contents: nil))
        let place = try Self.place()
        try await Self.withStore(folder) { store in #expect(store.config.entry(at: place)?.content.text == "1") }
        #expect(!files.fileExists(atPath: folder + "/backup-of-state-1.sqlite"))
    }

    @Test("when a commit fails, reads in it do not, and whoever waits for a lock and is told so waits no more")
    func failedCommit() async throws {
        let failing = try HubStore(folder: nil)
        let place = try Self.place()
        let lock = LockTable.Place(namespace: .default, name: try LockName("nightly"))
        let entry = ConfigEntry(
            key: place.key,
            version: 1,
            content: ConfigContent("1"),
            revision: ConfigRevision("1")
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            // All of it comes before the first commit, so that it is one.
            group.addTask {
                let error = await #expect(throws: BackendError.self) {
                    try await failing.config.state.commit { commit in
                        // A revision twice is something that the file does not take.
                        commit.write(.put(place, ConfigTable.Item(entry)))
                        commit.write(.put(place, ConfigTable.Item(entry)))
                    }
                }
                #expect(error?.code == .unavailable)
            }
            group.addTask {
                let states = try await failing.config.history(at: place)
                #expect(states.isEmpty)
            }
            for proof in ["p", "q"] {
                group.addTask {
                    await #expect(throws: BackendError.self) {
                        try await failing.locks.acquire(
                            lock,
                            proof: proof,
                            ttl: .seconds(60),
                            wait: .seconds(60),
                            end: Signal()
                        )
                    }
                }
            }
            try await eventually { failing.config.state.waiting == 4 }
            await withTaskGroup(of: Void.self) { running in
                running.addTask { await failing.run() }
                try? await group.waitForAll()
                #expect(failing.locks.holder(at: lock) == nil)
                #expect(failing.locks.counts.waiting == 0)
                running.cancelAll()
            }
        }
    }
}
