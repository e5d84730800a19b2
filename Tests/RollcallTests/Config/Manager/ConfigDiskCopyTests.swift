import Foundation
import RollcallTesting
import Testing

@testable import Rollcall

/// A start while the backend is away (user ask 22).
@Suite("Last good copy on the disk", .timeLimit(.minutes(1)))
struct ConfigDiskCopyTests {
    private let bench: ManagerBench
    private let folder: TemporaryFolder

    init() throws {
        self.bench = try ManagerBench()
        self.folder = try TemporaryFolder()
    }

    private var backend: ScriptedConfigBackend { self.bench.backend }
    private var main: ConfigKey { self.bench.main }
    private var path: String { self.folder.path + "/config.copy" }

    private func manager(_ items: [ConfigItem]? = nil, key: SealingKey? = nil) -> ConfigManager {
        self.bench.manager(items ?? [self.bench.item(validate: ManagerBench.picky)]) {
            $0.diskCopy = self.path
            $0.diskCopyKey = key
        }
    }

    private func file(_ key: SealingKey? = nil) throws -> ConfigCopyFile {
        try ConfigCopyFile(path: self.path, key: key)
    }

    /// Has a manager take an edition, and keep it.
    private func keep(_ text: String = "kept", key: SealingKey? = nil, items: [ConfigItem]? = nil) async throws {
        self.backend.put(text, version: 5, at: self.main)
        try await withConfigManager(self.manager(items, key: key)) { manager in
            try await eventually { manager.metrics.diskCopies > 0 }
        }
    }

    @Test("a start without the backend goes by the copy, loudly, says how old it is, and turns live when it comes")
    func start() async throws {
        try await self.keep()
        self.backend.setAway(true)
        let manager = self.manager()
        try await withConfigManager(manager) { manager in
            #expect(manager.text(self.main) == "kept")
            #expect(manager.value(for: self.main)?.source == .file)
            guard case .file(let age) = manager.status(of: self.main)?.source else {
                Issue.record("it does not say that it is from the disk")
                return
            }
            #expect(age >= .zero && age < .seconds(60))
            #expect(manager.status(of: self.main)?.freshness != .live)
            #expect(self.bench.count("version 5 is taken from the disk", from: .warning) == 1)
            #expect(manager.metrics.keysFromFile == 1)
            #expect(manager.metrics.prometheusText.contains("\nrollcall_config_keys_from_file 1\n"))
            self.backend.put("fresh", version: 6, at: self.main)
            self.backend.setAway(false)
            try await eventually { manager.text(self.main) == "fresh" }
            try await eventually { manager.status(of: self.main)?.freshness == .live }
            #expect(manager.status(of: self.main)?.source == .remote)
        }
    }

    @Test("a backend that does not answer at all is not waited for longer than the start may take")
    func patience() async throws {
        try await self.keep()
        self.backend.setHanging(true)
        let manager = self.bench.manager([self.bench.item()]) {
            $0.diskCopy = self.path
            $0.startPatience = .milliseconds(20)
            $0.timeout = .seconds(3600)
        }
        // Its watch is silent as well.
        self.backend.setSilent(true)
        try await withConfigManager(manager) { manager in
            #expect(manager.value(for: self.main)?.source == .file)
        }
    }

    @Test("the copy is written after each update that was taken, for its owner only, and not after one refused")
    func written() async throws {
        try await withConfigManager(self.manager()) { manager in
            self.backend.put("good", version: 5, at: self.main)
            try await eventually { try self.file().read()?.items.map(\.version) == [5] }
            self.backend.put("bad", version: 6, at: self.main)
            try await eventually { manager.status(of: self.main)?.quarantine != nil }
            self.backend.put("better", version: 7, at: self.main)
            try await eventually { try self.file().read()?.items.map(\.version) == [7] }
            let attributes = try FileManager.default.attributesOfItem(atPath: self.path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
            #expect(try self.folder.names == ["config.copy"])
        }
    }

    @Test("while what is stored is refused, a start goes by the copy and not by what the program brings")
    func quarantineAtStart() async throws {
        try await self.keep()
        self.backend.put("bad", version: 6, at: self.main)
        try await withConfigManager(self.manager()) { manager in
            #expect(manager.text(self.main) == "kept")
            try await eventually { manager.status(of: self.main)?.quarantine != nil }
            #expect(manager.text(self.main) == "kept")
        }
        // And again, because what was kept stays kept.
        #expect(try self.file().read()?.items.map(\.version) == [5])
    }

    @Test("a program that brings something newer does not go back to the copy, nor to one that it refuses")
    func notUsed() async throws {
        try await self.keep()
        self.backend.setAway(true)
        try await withConfigManager(self.manager([self.bench.item(nil, "newer", version: 6)])) { manager in
            #expect(manager.text(self.main) == "newer")
        }
        let strict = self.bench.item { _ in throw ConfigRejection("never") }
        try await withConfigManager(self.manager([strict])) { manager in
            #expect(manager.text(self.main) == "own")
        }
        #expect(self.bench.count("which is on the disk, is refused: never", from: .error) > 0)
    }

    @Test("a copy that was used once is there for the next start, and does not become younger")
    func keepsAge() async throws {
        try await self.keep()
        let first = try #require(try self.file().read()?.items.first)
        self.backend.setAway(true)
        for _ in 0..<2 {
            try await withConfigManager(self.manager()) { manager in
                #expect(manager.text(self.main) == "kept")
                manager.copyRequests.offer((), for: true)
                try await eventually { manager.metrics.diskCopies > 0 }
            }
            let last = try #require(try self.file().read()?.items.first)
            #expect(abs(last.asOf.timeIntervalSince(first.asOf)) < 1)
        }
    }

    @Test("with a key the copy is sealed, and opens with that key only")
    func sealed() async throws {
        let key = SealingKey()
        try await self.keep("hunter2", key: key)
        let bytes = try self.folder.read("config.copy")
        #expect(!bytes.contains("hunter2".utf8))
        #expect(!bytes.contains(Data("hunter2".utf8).base64EncodedString().utf8))
        #expect(try self.file(key).read()?.items.first?.content.text == "hunter2")
        #expect(self.failure(SealingKey()).contains("it cannot be opened"))
        #expect(self.failure(nil).contains("it is encrypted, and no key is given"))
        self.backend.setAway(true)
        try await withConfigManager(self.manager(key: key)) { manager in
            #expect(manager.text(self.main) == "hunter2")
        }
    }

    @Test("a copy that is not sealed is not believed where a key is given")
    func downgrade() async throws {
        try await self.keep()
        #expect(self.failure(SealingKey()).contains("it is not encrypted, though a key is given"))
    }

    @Test("secrets are on the disk only sealed, and a warning says so")
    func secrets() async throws {
        let items = [
            ConfigItem(self.main, ConfigContent("hunter1"), isSecret: true), self.bench.item(self.bench.other),
        ]
        try await self.keep("hunter2", items: items)
        #expect(try self.file().read()?.items.map(\.key) == [self.bench.other])
        #expect(self.bench.count("1 secret keys are not kept on the disk", from: .warning) == 1)
        let key = SealingKey()
        try FileManager.default.removeItem(atPath: self.path)
        try await self.keep("hunter2", key: key, items: items)
        #expect(try self.file(key).read()?.items.count == 2)
        #expect(self.bench.count("hunter") == 0)
    }

    @Test(
        "a file that is damaged, foreign, newer or not ours is refused with a line that says why, and nothing crashes",
        arguments: [
            ("", "it is empty"), ("hello", "does not begin with a line 'rollcall-config"),
            ("rollcall-config 2 0 00000000\n", "it is of version \"2\", and this program reads version 1"),
            ("rollcall-snapshot 1 2 00000000\n{}", "does not begin with a line 'rollcall-config"),
            ("rollcall-config 1 9 00000000\n{}", "it is cut off"),
            ("rollcall-config 1 2 00000000\n{}", "its checksum is wrong"),
        ]
    )
    func refused(_ text: String, _ reason: String) async throws {
        try self.folder.write(Array(text.utf8), to: "config.copy")
        self.backend.setAway(true)
        try await withConfigManager(self.manager()) { manager in
            #expect(manager.text(self.main) == "own")
            #expect(self.bench.count(reason, from: .error) == 1)
            #expect(manager.metrics.failedDiskCopies >= 1)
        }
    }

    @Test("the copy of another backend or namespace is not used")
    func foreign() async throws {
        for (backend, namespace) in [("etcd", Namespace.default), ("scripted", try Namespace("other"))] {
            let item = ConfigCopy.Item(
                key: self.main,
                name: "",
                version: 7,
                content: ConfigContent("foreign"),
                asOf: Date()
            )
            try self.file().write(ConfigCopy(namespace: namespace, backend: backend, items: [item]))
            self.backend.setAway(true)
            try await withConfigManager(self.manager()) { manager in #expect(manager.text(self.main) == "own") }
        }
        #expect(self.bench.count("is of another backend or namespace", from: .warning) == 2)
    }

    @Test("a file that others may write is not believed")
    func trust() async throws {
        try await self.keep()
        try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: self.path)
        #expect(self.failure(nil).contains("others may write it (mode 666)"))
    }

    @Test("a folder that is missing is told, and harms nothing")
    func noFolder() async throws {
        let manager = self.bench.manager([self.bench.item()]) { $0.diskCopy = self.folder.path + "/no/config.copy" }
        try await withConfigManager(manager) { manager in
            try await eventually { self.backend.stored(self.main) != nil }
            #expect(self.bench.count("there is no folder", from: .warning) > 0)
        }
        let odd = self.bench.manager([self.bench.item()]) { $0.diskCopy = "/" }
        try await withConfigManager(odd) { _ in
            #expect(self.bench.count("nothing is kept on the disk: diskCopy: ", from: .error) == 1)
        }
    }

    private func failure(_ key: SealingKey?) -> String {
        do {
            _ = try self.file(key).read()
            return "nothing"
        } catch {
            return "\(error)"
        }
    }
}
