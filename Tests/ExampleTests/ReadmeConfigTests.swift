import Rollcall
import RollcallHub
import RollcallHubClient
import RollcallTesting
import Testing

// What the README shows of configuration and locks, as it stands there.

private struct Limits: Codable, Sendable {
    var perSecond: Int
}

@Suite("README: configuration and locks", .timeLimit(.minutes(1)))
struct ReadmeConfigTests {
    private func withHub(_ body: @escaping @Sendable (HubBackend) async throws -> Void) async throws {
        let server = try HubServer(HubServer.Configuration(port: 0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            try await body(try HubBackend(url: server.url))
            group.cancelAll()
        }
    }

    @Test("settings that somebody changes while the program runs")
    func settings() async throws {
        try await self.withHub { hub in
            let seen = MutexBox<[Int64]>([])
            let limits = try ConfigSpec(ConfigKey("shop/limits"), default: Limits(perSecond: 100)) { limits in
                guard limits.perSecond > 0 else { throw ConfigRejection("perSecond must be above 0") }
            }
            try await withConfigManager(ConfigManager(backend: hub, items: [limits.item()])) { manager in
                let current = manager.typed(limits)
                manager.subscribe { _, edition in seen.change { $0.append(edition.version) } }
                #expect(current.value.perSecond == 100)
                func write(_ json: String) async throws {
                    let draft = ConfigDraft(ConfigContent(json, format: .json))
                    _ = try await hub.write(draft, to: ConfigKey("shop/limits"), expecting: .any)
                }
                try await write(#"{"perSecond":7}"#)
                try await eventually { current.value.perSecond == 7 }
                try await write(#"{"perSecond":0}"#)
                try await write(#"{"perSecond":8}"#)
                try await eventually {
                    current.value.perSecond == 8 && seen.value.last == manager.value(for: limits.key)?.version
                }
            }
        }
    }

    @Test("what only one process may do at a time")
    func locks() async throws {
        try await self.withHub { hub in
            let first = try await hub.withLock(LockName("nightly-report"), wait: .seconds(60)) { token in token }
            let second = try await hub.withLock(LockName("nightly-report"), wait: .seconds(60)) { token in token }
            #expect(second > first)
            let third = try await LeaderElection(backend: hub, name: LockName("scheduler")).run { token in token }
            #expect(third > second)
        }
    }
}
