import Foundation
import Rollcall
import RollcallHubClient
import RollcallTesting
import Testing

@testable import RollcallProgram

/// Two hubs as processes of their own in front of one etcd, either of which may die.
@Suite(
    "Two hubs in front of one engine",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: Built.path != nil, "the program is not built here"),
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd)))
)
struct TwoHubsTests {
    private static let clientCount = 1000
    private static let serviceCount = 100
    private static let ttl = Duration.seconds(30)
    /// How often each client writes its own key.
    private static let writePause = Duration.seconds(8)

    /// One client, with what it met.
    private final class Client: Sendable {
        let number: Int
        let backend: HubBackend
        let seen = MutexBox<ServiceSnapshot?>(nil)
        let shrinks = Tally()
        let writes = MutexBox<Int64>(0)
        let retries = Tally()
        let faults = MutexBox<[String]>([])

        init(_ number: Int, _ hubs: [ServerProcess]) throws {
            self.number = number
            // Half of them ask the one first, half the other.
            let ports = (number.isMultiple(of: 2) ? hubs : hubs.reversed()).map { $0.place.ports[0] }
            let addresses = ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
            self.backend = try HubBackend(url: "hub://\(addresses)")
        }

        var service: ServiceName { .trusting("fleet-\(self.number % serviceCount)") }

        func note(_ what: String, _ error: any Error) {
            guard !Task.isCancelled else { return }
            self.faults.change { $0.append("client \(self.number), \(what): \(error)") }
        }

        /// Registers, and renews until the task is cancelled.
        func hold(_ registered: Tally) async {
            do {
                let instance = try ServiceInstance(
                    service: self.service,
                    id: InstanceID("i-\(self.number)"),
                    endpoints: [Endpoint("http://127.0.0.1:\(self.number + 1)")]
                )
                // Not all at once: the hubs are built for debugging here.
                try await ContinuousClock().sleep(for: .milliseconds(20) * self.number)
                let lease = try await self.backend.register(instance, ttl: ttl)
                registered.add()
                try await lease.keepAlive()
            } catch {
                self.note("registration", error)
            }
        }

        /// Watches its service until the task is cancelled.
        func watch() async {
            do {
                try await ContinuousClock().sleep(for: .milliseconds(20) * self.number)
                try await self.backend.watch(self.service) { snapshot in
                    let before = self.seen.value
                    self.seen.change { $0 = snapshot }
                    if snapshot.instances.count < before?.instances.count ?? 0 { self.shrinks.add() }
                }
            } catch {
                self.note("watch", error)
            }
        }

        /// Writes its key, each time over what it wrote before, until the task is cancelled.
        func write() async {
            do {
                let key = try ConfigKey("state/\(self.number)")
                let clock = ContinuousClock()
                var revision: ConfigRevision?
                try await clock.sleep(for: .milliseconds(20) * self.number)
                while true {
                    let draft = ConfigDraft(ConfigContent("\(self.writes.value)"))
                    let entry = try await self.backend.write(
                        draft,
                        to: key,
                        expecting: revision.map { .revision($0) } ?? .absent
                    )
                    revision = entry.revision
                    self.writes.change { $0 += 1 }
                    // What was written twice, or by a repeated call, would have another version.
                    #expect(entry.version == self.writes.value)
                    try await clock.sleep(for: writePause)
                }
            } catch {
                self.note("write", error)
            }
        }
    }

    private static func hub(_ name: String, etcd port: Int, key: String) throws -> ServerProcess {
        let program = try #require(Built.path)
        let launch = ServerProcess.Launch { place in
            [
                program, "serve", "--backend", "etcd://127.0.0.1:\(port)", "--listen", "127.0.0.1:\(place.ports[0])",
                "--lease-key-file", key,
            ]
        } isReady: { place in
            await ServerCall(port: place.ports[0]).send("GET", "/readyz")?.status == 200
        }
        return try ServerProcess(name, portCount: 1, launch: launch)
    }

    @Test("a thousand clients notice no more than a reconnect, whichever hub dies")
    func deaths() async throws {
        DescriptorLimit.raise()
        let folder = try TemporaryFolder()
        let key = folder.path + "/lease.key"
        try Data((0..<32).map { _ in UInt8.random(in: 0...255) }).base64EncodedString()
            .write(toFile: key, atomically: true, encoding: .utf8)
        let newest = try #require(ServerProgram.etcd.last)
        try await EtcdServer.withServer(newest) { server in
            let hubs = try ["first", "second"].map { try Self.hub("\($0) hub", etcd: server.clientPort, key: key) }
            defer { for hub in hubs { hub.kill() } }
            for hub in hubs { try await hub.start() }
            let clients = try (0..<Self.clientCount).map { try Client($0, hubs) }
            let registered = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in clients {
                    group.addTask { try? await client.backend.run() }
                    group.addTask { await client.hold(registered) }
                    group.addTask { await client.watch() }
                    group.addTask { await client.write() }
                }
                defer { group.cancelAll() }
                try await eventually(within: .seconds(60)) {
                    registered.value == Self.clientCount || clients.contains { !$0.faults.value.isEmpty }
                }
                try #require(clients.flatMap(\.faults.value).prefix(5) == [])
                try await Self.everybodySees(clients, after: .zero)
                for client in clients where client.shrinks.value != 0 {
                    Issue.record("\(client.number) saw a loss early")
                }
                for hub in hubs {
                    hub.kill()
                    try await Self.everybodySees(clients, after: .seconds(4))
                    try await hub.start()
                    try await Self.everybodyWrites(clients)
                }
                try await Self.everybodySees(clients, after: .seconds(2))
            }
            let faults = clients.flatMap(\.faults.value)
            #expect(faults.isEmpty, "\(faults.count) faults, such as \(faults.prefix(5))")
            #expect(clients.reduce(0) { $0 + $1.shrinks.value } == 0)
        }
    }

    /// Waits until each client's watch is live and shows the whole service.
    private static func everybodySees(_ clients: [Client], after pause: Duration) async throws {
        try await ContinuousClock().sleep(for: pause)
        let whole = Self.clientCount / Self.serviceCount
        let unaware = MutexBox(clients.count)
        do {
            try await eventually(within: .seconds(40)) {
                let count = clients.count { client in
                    guard let snapshot = client.seen.value else { return true }
                    return snapshot.freshness != .live || snapshot.instances.count != whole
                }
                unaware.change { $0 = count }
                return count == 0
            }
        } catch {
            Issue.record("\(unaware.value) of \(clients.count) do not see their service")
            throw error
        }
    }

    /// Waits until each client has written once more.
    private static func everybodyWrites(_ clients: [Client]) async throws {
        let before = clients.map(\.writes.value)
        try await eventually(within: .seconds(40)) {
            zip(clients, before).allSatisfy { $0.writes.value > $1 || !$0.faults.value.isEmpty }
        }
    }
}
