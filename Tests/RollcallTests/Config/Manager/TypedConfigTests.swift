import RollcallTesting
import Synchronization
import Testing

@testable import Rollcall

/// Configurations with a type.
@Suite("Typed configurations", .timeLimit(.minutes(1)))
struct TypedConfigTests {
    struct Limits: Codable, Hashable, Sendable {
        var perSecond: Int
    }

    private let bench: ManagerBench
    private let spec: ConfigSpec<Limits>

    init() throws {
        let bench = try ManagerBench()
        self.bench = bench
        self.spec = ConfigSpec(bench.main, default: Limits(perSecond: 100)) { limits in
            guard limits.perSecond > 0 else { throw ConfigRejection("perSecond must be above 0") }
        }
    }

    private func put(_ json: String, _ version: Int64) {
        self.bench.backend.put(json, version: version, at: self.bench.main, format: .json)
    }

    @Test("the default is used until something is stored, and what is no such value is refused")
    func value() async throws {
        let manager = self.bench.manager([self.spec.item()])
        let limits = manager.typed(self.spec)
        #expect(limits.value.perSecond == 100)
        self.put(#"{"perSecond":5}"#, 1)
        try await manager.sync()
        #expect(limits.value.perSecond == 5)
        for (json, version) in [(#"{"perSecond":0}"#, Int64(2)), (#"{"perSecond":"many"}"#, 3), ("{", 4), ("{}", 5)] {
            self.put(json, version)
            await #expect(throws: ConfigSyncError.self) { try await manager.sync() }
            #expect(limits.value.perSecond == 5)
            #expect(manager.status(of: self.bench.main)?.quarantine?.edition.version == version)
        }
        #expect(manager.status(of: self.bench.main)?.quarantine?.reason.contains("perSecond") == true)
        self.put(#"{"perSecond":7}"#, 6)
        try await manager.sync()
        #expect(limits.value.perSecond == 7)
        #expect(try manager.value(for: self.bench.main, as: Limits.self) == Limits(perSecond: 7))
        #expect(try manager.value(for: self.bench.other, as: Limits.self) == nil)
        #expect(throws: ConfigFormatError.self) { try manager.value(for: self.bench.main, as: [Int].self) }
    }

    @Test("an edition is decoded once, however often it is read")
    func once() async throws {
        final class Count: Sendable {
            let value = Atomic(0)
        }
        let count = Count()
        let spec = ConfigSpec(self.bench.main, default: "none") { content, _ in
            count.value.wrappingAdd(1, ordering: .relaxed)
            return content.text ?? ""
        }
        let manager = self.bench.manager([self.bench.item(nil, "one", version: 1)])
        let text = manager.typed(spec)
        for _ in 0..<5 { #expect(text.value == "one") }
        #expect(count.value.load(ordering: .relaxed) == 1)
        self.bench.backend.put("two", version: 2, at: self.bench.main)
        try await manager.sync()
        for _ in 0..<5 { #expect(text.value == "two") }
        #expect(count.value.load(ordering: .relaxed) == 2)
    }

    @Test("an item that lets anything through leaves the last value that there was")
    func lastValue() async throws {
        let manager = self.bench.manager([ConfigItem(self.bench.main) { _ in }])
        let limits = manager.typed(self.spec)
        self.put("{", 1)
        try await manager.sync()
        #expect(limits.value.perSecond == 100)
        self.put(#"{"perSecond":3}"#, 2)
        try await manager.sync()
        #expect(limits.value.perSecond == 3)
        self.put("[]", 3)
        try await manager.sync()
        #expect(limits.value.perSecond == 3)
    }

    @Test("what the page on live configuration begins with")
    func page() async throws {
        let backend = MemoryBackend()
        let limits = try ConfigSpec(ConfigKey("shop/limits"), default: Limits(perSecond: 100)) { limits in
            guard limits.perSecond > 0 else { throw ConfigRejection("perSecond must be above 0") }
        }
        let manager = ConfigManager(backend: backend, items: [limits.item()])
        let calls = Calls()
        try await withConfigManager(manager) { manager in
            let current = manager.typed(limits)
            manager.subscribe { key, edition in calls.add("\(key) is now version \(edition.version)") }
            let draft = ConfigDraft(ConfigContent(#"{"perSecond":5}"#, format: .json))
            _ = try await backend.write(draft, to: limits.key, expecting: .absent)
            try await eventually { current.value.perSecond == 5 }
        }
        #expect(calls.all == ["shop/limits is now version 1"])
    }

    @Test("what a program brings with a type is stored if it is a value of it")
    func own() async throws {
        let good = self.bench.manager([
            self.spec.item(ConfigContent(#"{"perSecond":9}"#, format: .json), name: "Limits")
        ])
        #expect(good.typed(self.spec).value.perSecond == 9)
        try await good.sync()
        #expect(self.bench.backend.stored(self.bench.main)?.name == "Limits")
        let bad = self.bench.manager([self.spec.item(ConfigContent("[]", format: .json), version: 9)])
        await #expect(throws: ConfigSyncError.self) { try await bad.sync() }
        #expect(self.bench.backend.stored(self.bench.main)?.version == 1)
    }

    @Test("all keys are one state to look values up in, under the environment, with secrets out of sight")
    func lookups() async throws {
        let secret = ConfigItem(self.bench.other, ConfigContent(#"{"token":"hunter2"}"#, format: .json), isSecret: true)
        let manager = self.bench.manager([self.spec.item(), secret])
        self.put(#"{"perSecond":5,"burst":{"most":9}}"#, 1)
        try await manager.sync()
        func path(_ key: ConfigKey, _ rest: String) -> ConfigPath {
            ConfigPath(key.text.split(separator: "/").map(String.init) + rest.split(separator: ".").map(String.init))
        }
        let before = try manager.lookup()
        let rate = path(self.bench.main, "perSecond")
        #expect(try before.int(at: rate) == 5)
        #expect(try before.int(at: path(self.bench.main, "burst.most")) == 9)
        #expect(try before.string(at: path(self.bench.other, "token")) == "hunter2")
        #expect(before.isSecret(path(self.bench.other, "token")) && !before.isSecret(rate))
        #expect(!before.debugDescription.contains("hunter2"))
        self.put(#"{"perSecond":6}"#, 2)
        try await manager.sync()
        #expect(try before.int(at: rate) == 5)
        #expect(try manager.lookup().int(at: rate) == 6)
        let environment = EnvironmentLookup(["CONFIG_MY_APP_MAIN_PER_SECOND": "7"])
        let layered = LayeredLookup([environment, try manager.lookup()])
        #expect(try layered.int(at: rate) == 7)
    }

    @Test("states to look up in are delivered as they change")
    func watchedLookups() async throws {
        let manager = self.bench.manager([self.spec.item()])
        let rate = ConfigPath(self.bench.main.text.split(separator: "/").map(String.init) + ["perSecond"])
        let seen = MutexBox<[Int?]>([])
        self.put(#"{"perSecond":5}"#, 1)
        try await withConfigManager(manager) { manager in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await manager.watchLookups { lookup in
                        let rate = try lookup.int(at: rate)
                        seen.change { $0.append(rate) }
                    }
                }
                try await eventually { seen.value.last == 5 }
                self.put(#"{"perSecond":6}"#, 2)
                try await eventually { seen.value.last == 6 }
                group.cancelAll()
            }
        }
    }
}
