import Foundation
import GRPCEngine
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// A leader that its peers cannot be reached by any more, while its clients still are.
@Suite(
    "etcd with a member cut off from its peers",
    .serialized,
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdQuorumTests {
    /// Three members whose peers meet over proxies.
    private struct Cluster {
        let server: EtcdServer
        let proxies: [FaultProxy]

        var url: String { "etcd://" + self.server.clientPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",") }

        /// Cuts a member off from the others, or lets it back.
        func cutOff(_ member: Int, id: UInt64, _ isCutOff: Bool) {
            for (number, proxy) in self.proxies.enumerated() {
                if number == member {
                    proxy.mode = isCutOff ? .halfOpen : .forward
                } else {
                    proxy.isolate(isCutOff ? "X-Server-From: \(String(id, radix: 16))" : nil)
                }
            }
        }
    }

    private func withCluster(_ program: ServerProgram, _ body: (Cluster) async throws -> Void) async throws {
        let server = try EtcdServer(program, .init(memberCount: 3))
        defer { server.kill() }
        let proxies = try server.members.map { try FaultProxy(to: $0.place.ports[1]) }
        server.advertise(peerPorts: proxies.map(\.port))
        try await alongside {
            await withDiscardingTaskGroup { group in
                for proxy in proxies { group.addTask { await proxy.run() } }
            }
        } _: {
            try await server.start()
            try await body(Cluster(server: server, proxies: proxies))
        }
    }

    /// Makes the member that a client is connected to the leader.
    private func makeLeader(_ backend: EtcdBackend, in cluster: Cluster) async throws -> (place: Int, id: UInt64) {
        let id = try await backend.client.status().header.member
        try await eventually {
            let status = try await backend.client.status()
            if status.leader == id { return true }
            // Only the leader hands over.
            for port in cluster.server.clientPorts {
                let call = ServerCall(port: port)
                _ = await call.send("POST", "/v3/maintenance/transfer-leadership", #"{"targetID":"\#(id)"}"#)
            }
            return false
        }
        let port = try #require(backend.channel.server?.port)
        return (try #require(cluster.server.clientPorts.firstIndex(of: port)), id)
    }

    @Test(
        "a client goes on with the others: its lease, its watch, its writes and its locks",
        arguments: ServerProgram.etcd
    )
    func leader(_ program: ServerProgram) async throws {
        try await self.withCluster(program) { cluster in
            try await withEtcd(cluster.url) { backend in
                let lease = try await backend.register(try sample("a"), ttl: .seconds(20))
                let held = try await backend.acquire(try LockName("job"), ttl: .seconds(20))
                let lock = try #require(held as? EtcdLockLease)
                try await alongside {
                    try await lock.keepAlive()
                } _: {
                    try await watching(backend) { snapshots in
                        try await eventually { snapshots.value.isLive(with: "a") }
                        let (place, id) = try await self.makeLeader(backend, in: cluster)
                        cluster.cutOff(place, id: id, true)
                        try await self.change(backend, lease, to: 7)
                        try await eventually(within: .seconds(30)) {
                            snapshots.value.last?.instances.first?.weight == 7 && snapshots.value.isLive(with: "a")
                        }
                        #expect(try await backend.client.status().header.member != id)
                        try await lease.renew()
                        try await lock.renew()
                        cluster.cutOff(place, id: id, false)
                        // It is taken back: with another of them gone there is a majority again.
                        let other = (place + 1) % 3
                        cluster.server.members[other].kill()
                        try await self.change(backend, lease, to: 8)
                        try await eventually(within: .seconds(30)) {
                            snapshots.value.last?.instances.first?.weight == 8
                        }
                        try await lease.renew()
                    }
                }
                try await lock.release()
            }
        }
    }

    private func change(_ backend: EtcdBackend, _ lease: any InstanceLease, to weight: Int) async throws {
        try await eventually(within: .seconds(60)) {
            (try? await lease.update(try sample("a").applying(InstanceChange(weight: weight)))) != nil
        }
    }

    @Test("a client that only calls leaves such a member, too", arguments: ServerProgram.etcd)
    func callsAlone(_ program: ServerProgram) async throws {
        try await self.withCluster(program) { cluster in
            try await withEtcd(cluster.url, .init(timeout: .seconds(3))) { backend in
                let key = try ConfigKey("k")
                _ = try await backend.write(ConfigDraft(ConfigContent("0")), to: key, expecting: .absent)
                let (place, id) = try await self.makeLeader(backend, in: cluster)
                cluster.cutOff(place, id: id, true)
                let failures = MutexBox<[BackendError]>([])
                try await eventually(within: .seconds(60)) {
                    do throws(BackendError) {
                        _ = try await backend.write(ConfigDraft(ConfigContent("1")), to: key, expecting: .any)
                        return true
                    } catch {
                        failures.change { $0.append(error) }
                        return false
                    }
                }
                let other = failures.value.filter { $0.code != .timeout && $0.code != .unavailable }
                #expect(other.isEmpty)
                #expect(try await backend.client.status().header.member != id)
                #expect(try await backend.entry(for: key)?.content.text == "1")
            }
        }
    }
}
