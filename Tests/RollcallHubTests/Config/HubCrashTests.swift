import Foundation
import Rollcall
import RollcallHubClient
import RollcallTesting
import Synchronization
import Testing

@Suite(
    "Hub: killed while it writes configuration",
    .timeLimit(.minutes(5)),
    .serialized,
    .enabled(if: HubProcess.program != nil, "the program is not built here")
)
struct HubCrashTests {
    /// Tokens in the order in which their holders had them.
    private final class Tokens: Sendable {
        private let all = Mutex<[UInt64]>([])

        var list: [UInt64] { self.all.withLock { $0 } }

        func append(_ token: UInt64) { self.all.withLock { $0.append(token) } }
    }

    private static let rounds = 12

    private static func keys() throws -> [ConfigKey] { try (1...3).map { try ConfigKey("crash/key-\($0)") } }

    private static func pair() throws -> [ConfigKey] { [try ConfigKey("pair/left"), try ConfigKey("pair/right")] }

    @Test("no acknowledged write is lost, none is half there, versions and tokens never go back")
    func crashes() async throws {
        let folder = try TemporaryFolder()
        let trial = ConfigTrial()
        let tokens = Tokens()
        var generator = SplitMix64(seed: 11)
        var hub = try await HubProcess.start(folder)
        let port = hub.port
        for round in 0..<Self.rounds {
            let moment = Duration.milliseconds(Int64(50 + generator.next() % 350))
            try await Self.withWriters(port, round, trial, tokens) { [hub] in
                try await Task.sleep(for: moment)
                await hub.kill()
            }
            hub = try await HubProcess.start(folder, port: port)
            let backend = try HubBackend(url: "hub://127.0.0.1:\(port)")
            for key in try Self.keys() { try await trial.read(key, through: backend) }
            var halves: [String?] = []
            for key in try Self.pair() { halves.append(try await backend.entry(for: key)?.content.text) }
            #expect(halves[0] == halves[1], "round \(round)")
        }
        #expect(ConfigHistoryCheck.faults(of: trial.operations) == [])
        #expect(trial.acknowledged > Self.rounds, "hardly anything was written")
        #expect(tokens.list.count > Self.rounds, "hardly any lock was taken")
        #expect(tokens.list == Set(tokens.list).sorted())
        await hub.kill()
    }

    private static func withWriters(
        _ port: Int,
        _ round: Int,
        _ trial: ConfigTrial,
        _ tokens: Tokens,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let configuration = HubBackend.Configuration(timeout: .milliseconds(500))
        let keys = try Self.keys()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                let backend = try HubBackend(url: "hub://127.0.0.1:\(port)", configuration: configuration)
                group.addTask { await trial.work(keys, seed: UInt64(round * 100 + number), through: backend) }
            }
            let backend = try HubBackend(url: "hub://127.0.0.1:\(port)", configuration: configuration)
            let pair = try Self.pair()
            group.addTask {
                var number = 0
                while !Task.isCancelled {
                    number += 1
                    let content = ConfigContent("\(round)-\(number)")
                    _ = try? await backend.apply(pair.map { ConfigChange($0, .write(ConfigDraft(content))) })
                }
            }
            // Whoever held the last one died with the hub, and keeps it for its time.
            let name = try LockName("crash-\(round)")
            group.addTask {
                while !Task.isCancelled {
                    guard let lease = try? await backend.acquire(name, ttl: .seconds(1)) else { continue }
                    tokens.append(lease.token)
                    try? await lease.release()
                }
            }
            try await body()
            group.cancelAll()
        }
    }

    @Test("histories through a network that breaks again and again are linearizable")
    func brokenNetwork() async throws {
        let folder = try TemporaryFolder()
        let hub = try await HubProcess.start(folder)
        let proxy = try FaultProxy(to: hub.port)
        let trial = ConfigTrial()
        let keys = try Self.keys()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await proxy.run() }
            for number in 0..<6 {
                let configuration = HubBackend.Configuration(timeout: .milliseconds(500))
                // Half of the clients see the hub through the network that breaks.
                let port = number.isMultiple(of: 2) ? proxy.port : hub.port
                let backend = try HubBackend(url: "hub://127.0.0.1:\(port)", configuration: configuration)
                group.addTask { await trial.work(keys, seed: UInt64(number), through: backend) }
            }
            var generator = SplitMix64(seed: 5)
            for _ in 0..<30 {
                try await Task.sleep(for: .milliseconds(Int64(20 + generator.next() % 80)))
                proxy.cut()
            }
            group.cancelAll()
        }
        let backend = try HubBackend(url: "hub://127.0.0.1:\(hub.port)")
        for key in keys { try await trial.read(key, through: backend) }
        #expect(ConfigHistoryCheck.faults(of: trial.operations) == [])
        #expect(trial.acknowledged > 100, "only \(trial.acknowledged) writes were acknowledged")
        await hub.kill()
    }
}
