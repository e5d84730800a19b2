import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// Everything that Rollcall keeps in etcd, seen and changed from outside by etcd's own client.
@Suite(
    "etcd driven from outside",
    .serialized,
    .enabled(if: EtcdCtl.skipReason == nil, Comment(rawValue: EtcdCtl.skipReason ?? "")),
    .timeLimit(.minutes(3))
)
struct EtcdOutsideTests {
    private func withServer(
        _ program: ServerProgram,
        _ body: (EtcdServer, EtcdBackend, EtcdCtl) async throws -> Void
    ) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd(port: server.clientPort) { backend in
                try await body(server, backend, try EtcdCtl(port: server.clientPort))
            }
        }
    }

    @Test(
        "what Rollcall registers is read, changed, taken out and put back from outside",
        arguments: ServerProgram.etcd
    )
    func instances(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            let lease = try await backend.register(try sample("a"), ttl: .seconds(60))
            try await watching(backend) { snapshots in
                try await eventually { snapshots.value.isLive(with: "a") }
                #expect(try await ctl.keys(under: "/rollcall") == ["/rollcall/default/services/web/a"])
                let text = try #require(try await ctl.value(of: "/rollcall/default/services/web/a"))
                let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
                #expect(object["schema"] as? Int == 1)

                // A copy that a script makes under another id, without a lease.
                let copy = text.replacing(#""id":"a""#, with: #""id":"b""#)
                try await ctl.run("put", "/rollcall/default/services/web/b", copy)
                try await eventually { snapshots.value.isLive(with: "a", "b") }
                // What cannot be read is nobody, and hides nobody.
                try await ctl.run("put", "/rollcall/default/services/web/c", "{")
                try await ctl.run("put", "/rollcall/default/services/web2/x", text)
                try await ctl.run("del", "/rollcall/default/services/web/b")
                try await eventually { snapshots.value.isLive(with: "a") }

                try await ctl.run("del", "/rollcall/default/services/web/a")
                try await eventually { snapshots.value.isLive() }
                let lost = await #expect(throws: BackendError.self) { try await lease.renew() }
                #expect(lost?.code == .leaseLost)
                #expect(snapshots.value.last?.departed.values.first == .unknown)
            }
        }
    }

    @Test(
        "a lease that is revoked from outside takes the instance along, and a registrar comes back",
        arguments: ServerProgram.etcd
    )
    func revokedLease(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            let instance = try sample("a")
            let configuration = RegistrarConfiguration(ttl: .seconds(6), addsAutomaticMetadata: false)
            let registrar = try Registrar(backend: backend, configuration: configuration) { instance }
            try await alongside {
                try await registrar.run()
            } _: {
                try await watching(backend) { snapshots in
                    try await eventually { snapshots.value.isLive(with: "a") }
                    let key = backend.layout.key(of: instance)
                    let former = try #require(try await ctl.lease(of: key))
                    // The first snapshot may show nobody, too.
                    let seen = snapshots.value.count
                    try await ctl.run("lease", "revoke", former)
                    try await eventually {
                        snapshots.value.dropFirst(seen).contains { $0.freshness == .live && $0.instances.isEmpty }
                    }
                    try await eventually { snapshots.value.isLive(with: "a") }
                    let latter = try await ctl.lease(of: key)
                    #expect(latter != nil && latter != former)
                    #expect(try await ctl.keys(under: backend.layout.root).count == 1)
                }
            }
        }
    }

    @Test(
        "a lease of an outsider's carries his record, and what he says of maintenance is told when it goes",
        arguments: ServerProgram.etcd
    )
    func outsidersLease(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            try await watching(backend) { snapshots in
                try await eventually { snapshots.value.isLive() }
                let stopping = try sample("a").applying(InstanceChange(status: .maintenance))
                let lease = try await ctl.grantLease(seconds: 600)
                let text = String(decoding: backend.layout.encode(StoredInstance(stopping)), as: UTF8.self)
                try await ctl.run("put", "--lease=\(lease)", backend.layout.key(of: stopping), text)
                try await eventually { snapshots.value.isLive(with: "a") }
                // What is laid over the record leaves it on its lease.
                _ = try await backend.amend(stopping.service, id: stopping.id, InstanceChange(weight: 3))
                try await eventually { snapshots.value.last?.instances.first?.weight == 3 }
                try await ctl.run("lease", "revoke", lease)
                try await eventually { snapshots.value.isLive() }
                #expect(snapshots.value.last?.departed[stopping.id] == .deregistered)
            }
        }
    }

    @Test(
        "configuration is read, written, broken and deleted from outside, and watches see all of it in order",
        arguments: ServerProgram.etcd
    )
    func configuration(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            let key = try ConfigKey("shop/limits")
            let path = "/rollcall/default/config/shop/limits"
            try await watching(backend, key) { states in
                try await eventually { states.value == ["absent"] }
                let written = try await backend.write(ConfigDraft(ConfigContent("one")), to: key, expecting: .absent)
                let stored = try #require(try await ctl.value(of: path))
                #expect(stored.hasSuffix("\none"))
                // The same envelope around something else, as a script may write it.
                try await ctl.run("put", path, String(stored.dropLast(3)) + "two")
                try await eventually { states.value.last == "1 two" }
                let conflict = await #expect(throws: BackendError.self) {
                    _ = try await backend.write(
                        ConfigDraft(ConfigContent("x")),
                        to: key,
                        expecting: .revision(written.revision)
                    )
                }
                #expect(conflict?.code == .conflict)
                try await ctl.run("put", path, "plain text")
                try await eventually { states.value.last == "3 plain text" }
                try await ctl.run("put", path, #"{"schema":9,"kind":"rollcall.config"}"# + "\n")
                try await eventually { states.value.last == "undecodable" }
                let refused = await #expect(throws: BackendError.self) {
                    _ = try await backend.write(ConfigDraft(ConfigContent("x")), to: key, expecting: .any)
                }
                #expect(refused?.code == .protocolViolation && refused?.applied == .no)
                try await ctl.run("del", path)
                try await eventually { states.value.last == "absent" }
                #expect(states.value == ["absent", "1 one", "1 two", "3 plain text", "undecodable", "absent"])
                try await ctl.run("put", "/rollcall/default/config/other", "x")
                #expect(try await backend.keys(under: "").map(\.key.text) == ["other"])
            }
        }
    }

    @Test(
        "a history that is compacted from outside while watches are open takes nothing from them",
        arguments: ServerProgram.etcd
    )
    func compaction(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            try await watching(backend) { snapshots in
                try await eventually { snapshots.value.isLive() }
                for round in 1...3 {
                    let lease = try await backend.register(try sample("a"), ttl: .seconds(60))
                    try await eventually { snapshots.value.isLive(with: "a") }
                    let revision = try await backend.client.status().header.revision
                    try await ctl.run("compaction", "\(revision)", "--physical")
                    try await lease.update(try sample("a").applying(InstanceChange(weight: round)))
                    try await eventually { snapshots.value.last?.instances.first?.weight == round }
                    try await lease.revoke()
                    try await eventually { snapshots.value.isLive() }
                }
            }
        }
    }
}
