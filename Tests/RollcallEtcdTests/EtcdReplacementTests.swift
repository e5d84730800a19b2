import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// A server that is replaced under a running client by another, which knows nothing.
@Suite(
    "etcd replaced by another etcd",
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdReplacementTests {
    /// Every version by every version, another and the same.
    private static let pairs = ServerProgram.etcd.flatMap { former in ServerProgram.etcd.map { [former, $0] } }

    @Test(
        "the new cluster is noticed: watches show what it holds, and who was registered is so again",
        arguments: Self.pairs
    )
    func replacement(_ pair: [ServerProgram]) async throws {
        try await EtcdServer.withServer(pair[0]) { former in
            try await EtcdServer.withServer(pair[1]) { latter in
                try await withProxy(to: former.clientPort) { proxy in
                    try await withEtcd(port: proxy.port) { backend in
                        // The old one is far ahead of the new one in its revisions.
                        for number in UInt8(0)..<50 {
                            try await backend.client.put(EtcdPut(key: [1], value: [number]), "test", key: nil)
                        }
                        try await self.replace(former, latter, proxy, backend)
                        #expect(await backend.health().serverVersion == pair[1].version)
                    }
                }
            }
        }
    }

    private func replace(
        _ former: EtcdServer,
        _ latter: EtcdServer,
        _ proxy: FaultProxy,
        _ backend: EtcdBackend
    ) async throws {
        let key = try ConfigKey("k")
        let instance = try sample("a")
        let configuration = RegistrarConfiguration(ttl: .seconds(4), addsAutomaticMetadata: false)
        let registrar = try Registrar(backend: backend, configuration: configuration) { instance }
        // This one nobody registers again.
        _ = try await backend.register(try sample("ghost"), ttl: .seconds(60))
        _ = try await backend.write(ConfigDraft(ConfigContent("old")), to: key, expecting: .absent)
        try await withEtcd(port: latter.clientPort) { direct in
            _ = try await direct.register(try sample("b"), ttl: .seconds(60))
        }
        try await alongside {
            try await registrar.run()
        } _: {
            try await watching(backend, key) { states in
                try await watching(backend) { snapshots in
                    try await eventually { snapshots.value.isLive(with: "a", "ghost") && states.value == ["1 old"] }
                    let cluster = try await backend.client.status().header.cluster
                    proxy.lead(to: latter.clientPort)
                    former.kill()
                    try await eventually(within: .seconds(30)) { snapshots.value.isLive(with: "a", "b") }
                    try await eventually { states.value.last == "absent" }
                    #expect(try await backend.client.status().header.cluster != cluster)
                    #expect(!snapshots.value.dropFirst().contains { $0.latestIsMixed })
                    // And it goes on from there.
                    _ = try await backend.write(ConfigDraft(ConfigContent("new")), to: key, expecting: .absent)
                    try await eventually { states.value == ["1 old", "absent", "1 new"] }
                    _ = try await backend.amend(instance.service, id: instance.id, InstanceChange(weight: 9))
                    try await eventually { snapshots.value.last?.instances.first?.weight == 9 }
                }
            }
        }
    }
}

extension ServiceSnapshot {
    /// Whether instances of both clusters are in it.
    fileprivate var latestIsMixed: Bool {
        let ids = self.instances.map(\.id.text)
        return ids.contains("ghost") && ids.contains("b")
    }
}
