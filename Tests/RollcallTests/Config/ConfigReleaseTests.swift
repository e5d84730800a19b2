import Rollcall
import RollcallTesting
import Testing

@Suite("Gray release", .timeLimit(.minutes(1)))
struct ConfigReleaseTests {
    private let key: ConfigKey
    private let backend = MemoryBackend(registry: MemoryRegistry())

    init() throws {
        self.key = try ConfigKey("shop/limits")
    }

    private static func instance(_ id: String, zone: String? = nil) throws -> ConfigInstance {
        ConfigInstance(id: try InstanceID(id), zone: zone)
    }

    private func store(_ text: String) async throws -> ConfigEntry {
        try await self.backend.write(ConfigDraft(ConfigContent(text)), to: self.key, expecting: .any)
    }

    private func propose(_ text: String, for audience: ConfigAudience) async throws -> ConfigCandidate {
        let draft = ConfigDraft(ConfigContent(text))
        return try await self.backend.propose(draft, for: audience, to: self.key, expecting: .any)
    }

    @Test("an audience has those whom all that is given fits, and those who are named")
    func audiences() throws {
        let one = ConfigInstance(
            id: try InstanceID("one"),
            zone: "a",
            version: try SemanticVersion("1.4.2"),
            metadata: ["tier": "gold"]
        )
        let two = try Self.instance("two")
        func has(_ audience: ConfigAudience, _ instance: ConfigInstance) -> Bool {
            audience.includes(instance, of: self.key)
        }
        #expect(!has(ConfigAudience(), one))
        #expect(has(ConfigAudience(ids: [two.id]), two) && !has(ConfigAudience(ids: [two.id]), one))
        #expect(has(ConfigAudience(zones: ["a", "b"]), one) && !has(ConfigAudience(zones: ["a"]), two))
        let versions = ConfigAudience(versions: try VersionRange("^1.2"))
        #expect(has(versions, one) && !has(versions, two))
        #expect(has(ConfigAudience(metadata: ["tier": "gold"]), one))
        #expect(!has(ConfigAudience(metadata: ["tier": "gold"]), two))
        #expect(!has(ConfigAudience(zones: ["a"], metadata: ["tier": "silver"]), one))
        #expect(has(ConfigAudience(ids: [two.id], zones: ["a"]), two))
        #expect(has(ConfigAudience(share: 10_000), two) && !has(ConfigAudience(share: 0), two))
        #expect(!has(ConfigAudience(zones: ["a"], share: 0), one))
    }

    @Test("a share has as many as it says, the same ones as it grows, and others of another key")
    func shares() throws {
        let all = try (0..<10_000).map { try Self.instance("web-\($0)") }
        let other = try ConfigKey("shop/other")
        func ids(_ share: Int, _ key: ConfigKey) -> Set<InstanceID> {
            Set(all.filter { ConfigAudience(share: share).includes($0, of: key) }.map(\.id))
        }
        let (small, large) = (ids(500, self.key), ids(2_500, self.key))
        #expect((400...600).contains(small.count), "\(small.count)")
        #expect((2_300...2_700).contains(large.count), "\(large.count)")
        #expect(small.isSubset(of: large))
        #expect(ids(500, other).intersection(small).count < small.count / 4)
    }

    @Test("an audience is what it was once it was written as JSON, and what is not known is refused")
    func json() throws {
        let audience = ConfigAudience(
            ids: [try InstanceID("web-1")],
            zones: ["a"],
            versions: try VersionRange("^1.2"),
            metadata: ["tier": "gold"],
            share: 1_250
        )
        #expect(try ConfigAudience(json: audience.json) == audience)
        #expect(String(decoding: audience.json, as: UTF8.self).contains("12.5"))
        for text in [
            #"{"percent":101}"#, #"{"percent":-1}"#, #"{"percent":1.234}"#, #"{"precent":5}"#, #"{"versions":"x"}"#,
            #"{"percent":"5"}"#, "[]",
        ] {
            #expect(throws: ValidationError.self, "\(text)") { try ConfigAudience(json: Array(text.utf8)) }
        }
    }

    @Test("some see a candidate, the others what is stored; promoted, all see it under one version")
    func promotion() async throws {
        _ = try await self.store("old")
        let (one, two) = (try Self.instance("one", zone: "a"), try Self.instance("two", zone: "b"))
        let candidate = try await self.propose("new", for: ConfigAudience(zones: ["a"]))
        #expect(candidate.entry.version == 2)
        #expect(try await self.backend.entry(for: self.key, as: one)?.content.text == "new")
        #expect(try await self.backend.entry(for: self.key, as: two)?.content.text == "old")
        #expect(try await self.backend.entry(for: self.key)?.content.text == "old")
        let stored = try await self.backend.promote(self.key, expecting: .revision(candidate.entry.revision))
        #expect(stored.version == 3 && stored.content.text == "new")
        #expect(try await self.backend.candidate(for: self.key) == nil)
        #expect(try await self.backend.entry(for: self.key, as: two)?.version == 3)
    }

    @Test("a release for all does not overwrite the candidate, and abandoning leads everybody on")
    func abandoning() async throws {
        _ = try await self.store("old")
        let one = try Self.instance("one")
        let audience = ConfigAudience(ids: [one.id])
        _ = try await self.propose("new", for: audience)
        #expect(try await self.store("newer").version == 3)
        #expect(try await self.backend.entry(for: self.key, as: one)?.content.text == "new")
        let kept = try await self.backend.abandon(self.key, expecting: .any)
        #expect(kept?.version == 3)
        // Below the candidate, what is stored is stored anew.
        _ = try await self.propose("newest", for: audience)
        let anew = try await self.backend.abandon(self.key, expecting: .any)
        #expect(anew?.version == 5 && anew?.content.text == "newer")
        #expect(try await self.backend.entry(for: self.key, as: one)?.version == 5)
        await #expect { try await self.backend.abandon(self.key, expecting: .any) } throws: {
            ($0 as? BackendError)?.code == .notFound
        }
    }

    @Test("of two who change a candidate, one is told that it is another by now")
    func conflicts() async throws {
        let first = try await self.propose("a", for: ConfigAudience(share: 1))
        let second = try await self.propose("b", for: ConfigAudience(share: 1))
        await #expect {
            try await self.backend.promote(self.key, expecting: .revision(first.entry.revision))
        } throws: { error in
            (error as? BackendError)?.currentRevision == second.entry.revision.text
        }
    }

    @Test("managers follow the candidate and away from it, and the backend knows who runs what")
    func managers() async throws {
        _ = try await self.store("old")
        let instances = [try Self.instance("one", zone: "a"), try Self.instance("two", zone: "b")]
        let managers = instances.map {
            ConfigManager(backend: self.backend.seen(by: $0), items: [ConfigItem(self.key)])
        }
        func texts() -> [String?] { managers.map { $0.value(for: self.key)?.content.text } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await self.backend.run() }
            for manager in managers { group.addTask { try await manager.run() } }
            try await eventually { texts() == ["old", "old"] }
            _ = try await self.propose("new", for: ConfigAudience(zones: ["a"]))
            try await eventually { texts() == ["new", "old"] }
            try await eventually {
                let readers = try await self.backend.readers(of: self.key)
                return readers.map(\.actual) == [2, 1] && readers.allSatisfy(\.isCurrent)
            }
            try await self.backend.abandon(self.key, expecting: .any)
            try await eventually { texts() == ["old", "old"] }
            try await eventually { try await self.backend.readers(of: self.key).map(\.actual) == [3, 3] }
            group.cancelAll()
        }
    }
}
