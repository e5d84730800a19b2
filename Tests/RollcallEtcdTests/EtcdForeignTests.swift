import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// Records as the programs write them that Rollcall stands beside, put there by etcd's own client.
@Suite(
    "etcd beside other programs",
    .serialized,
    .enabled(if: EtcdCtl.skipReason == nil, Comment(rawValue: EtcdCtl.skipReason ?? "")),
    .timeLimit(.minutes(3))
)
struct EtcdForeignTests {
    private func withLayout(
        _ program: ServerProgram,
        _ layout: EtcdBackend.Layout,
        _ body: (EtcdBackend, EtcdCtl) async throws -> Void
    ) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd(port: server.clientPort, .init(layout: layout)) { backend in
                try await body(backend, try EtcdCtl(port: server.clientPort))
            }
        }
    }

    private func object(_ text: String?) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(try #require(text).utf8))
        return try #require(object as? [String: Any])
    }

    @Test(
        "go-service-link: what it registers is seen, and it finds what it needs in what Rollcall registers",
        arguments: ServerProgram.etcd
    )
    func goServiceLink(_ program: ServerProgram) async throws {
        try await self.withLayout(program, .goServiceLink) { backend, ctl in
            try await watching(backend) { snapshots in
                let lease = try await ctl.grantLease(seconds: 600)
                let text =
                    #"{"InstanceID":"7b0c","Host":"10.0.0.9","HTTPPort":"8080","GRPCPort":"9090","Metadata":"#
                    + #"{"grpc_port":"9090","host":"10.0.0.9","hostname":"box","http_port":"8080"},"IsHealthy":false,"#
                    + #""LastChecked":"0001-01-01T00:00:00Z","FailedChecks":0}"#
                try await ctl.run("put", "--lease=\(lease)", "/services/web/7b0c", text)
                try await ctl.run("put", "/services/web2/x", text)
                try await eventually { snapshots.value.isLive(with: "7b0c") }
                let seen = try #require(snapshots.value.last?.instances.first)
                #expect(seen.endpoints.map(\.description) == ["http://10.0.0.9:8080", "grpc://10.0.0.9:9090"])
                #expect(seen.metadata["hostname"] == "box")

                let own = try await backend.register(try sample("mine"), ttl: .seconds(60))
                try await eventually { snapshots.value.isLive(with: "7b0c", "mine") }
                let record = try self.object(try await ctl.value(of: "/services/web/mine"))
                #expect(record["InstanceID"] as? String == "mine")
                #expect(record["Host"] as? String == "10.0.0.7")
                #expect(record["HTTPPort"] as? String == "8080")
                #expect((record["Metadata"] as? [String: String])?["http_port"] == "8080")
                // It takes its own out by the key first, and then by the lease.
                try await ctl.run("del", "/services/web/7b0c")
                try await ctl.run("lease", "revoke", lease)
                try await eventually { snapshots.value.isLive(with: "mine") }
                try await own.revoke()
                try await eventually { snapshots.value.isLive() }
                #expect(try await ctl.keys(under: "/services/web/").isEmpty)
            }
        }
    }

    @Test(
        "go-service-link: configuration goes both ways, also as its programs write it, under a lock beside the key",
        arguments: ServerProgram.etcd
    )
    func goServiceLinkConfiguration(_ program: ServerProgram) async throws {
        try await self.withLayout(program, .goServiceLink) { backend, ctl in
            let key = try ConfigKey("/config/my-app/db")
            let versions = MutexBox<[Int64]>([])
            try await alongside {
                try await backend.watch(key) { state in
                    if case .present(let entry) = state { versions.change { $0.append(entry.version) } }
                }
            } _: {
                // As it writes: under a lock whose key stands beside.
                let text = #"{"name":"db","version":1750000000,"content":{"host":"h","port":3306}}"#
                try await ctl.run(
                    ["lock", "/config/my-app/db_lock", "--"] + ctl.command + ["put", "/config/my-app/db", text]
                )
                try await eventually { versions.value == [1_750_000_000] }
                let entry = try #require(try await backend.entry(for: key))
                #expect(entry.name == "db")
                #expect(entry.content == ConfigContent(#"{"host":"h","port":3306}"#, format: .json))
                _ = try await backend.write(
                    ConfigDraft(ConfigContent(#"{"host":"i"}"#, format: .json), name: "db"),
                    to: key,
                    expecting: .revision(entry.revision)
                )
                let record = try self.object(try await ctl.value(of: "/config/my-app/db"))
                #expect(record["version"] as? Int == 1_750_000_001)
                #expect((record["content"] as? [String: String]) == ["host": "i"])
                try await eventually { versions.value == [1_750_000_000, 1_750_000_001] }
            }
        }
    }

    @Test("discox: endpoints and their text go both ways", arguments: ServerProgram.etcd)
    func discox(_ program: ServerProgram) async throws {
        try await self.withLayout(program, .discox(prefix: "/discox")) { backend, ctl in
            try await watching(backend) { snapshots in
                let lease = try await ctl.grantLease(seconds: 8)
                try await ctl.run("put", "--lease=\(lease)", "/discox/web/10.0.0.9:80", #"{"weight":3}"#)
                try await eventually { snapshots.value.isLive(with: "10.0.0.9:80") }
                #expect(snapshots.value.last?.instances.first?.metadata == ["attr": #"{"weight":3}"#])
                try await ctl.run("put", "--lease=\(lease)", "/discox/web/10.0.0.9:80", "other")
                try await eventually { snapshots.value.last?.instances.first?.metadata == ["attr": "other"] }
                let instance = try sample("ignored").addingMetadata(["attr": "mine"])
                let own = try await backend.register(instance, ttl: .seconds(60))
                #expect(try await ctl.value(of: "/discox/web/10.0.0.7:8080") == "mine")
                try await eventually { snapshots.value.isLive(with: "10.0.0.7:8080", "10.0.0.9:80") }
                // It stops by deleting the key alone.
                try await ctl.run("del", "/discox/web/10.0.0.9:80")
                try await eventually { snapshots.value.isLive(with: "10.0.0.7:8080") }
                try await own.renew()
                // Its own id is nowhere; who takes the lease up finds the record all the same.
                #expect(own.visibleID.text == "10.0.0.7:8080")
                let resumed = try await backend.lease(resuming: own.token)
                try await resumed.update(try sample("ignored").addingMetadata(["attr": "later"]))
                #expect(try await ctl.value(of: "/discox/web/10.0.0.7:8080") == "later")
                try await resumed.revoke()
                #expect(try await ctl.keys(under: "/discox/").isEmpty)
            }
        }
    }

    @Test(
        "discox: of two registrars of one endpoint the first steps back until it is free",
        arguments: ServerProgram.etcd
    )
    func discoxSuccessor(_ program: ServerProgram) async throws {
        try await self.withLayout(program, .discox(prefix: "/discox")) { backend, _ in
            let (first, second) = (try sample("first"), try sample("second"))
            let registrar = try Registrar(backend: backend, configuration: RegistrarConfiguration(ttl: .seconds(2))) {
                first
            }
            try await alongside {
                try await registrar.run()
            } _: {
                try await registrar.waitUntilRegistered()
                let successor = try await backend.register(second, ttl: .seconds(60))
                try await eventually { registrar.status.phase == .displaced }
                // It looks each two seconds, and finds somebody there.
                try await ContinuousClock().sleep(for: .seconds(5))
                #expect(registrar.status.phase == .displaced)
                try await successor.renew()
                try await successor.revoke()
                try await eventually { registrar.status.phase == .registered }
            }
        }
    }

    @Test("gRPC's naming: addresses go both ways", arguments: ServerProgram.etcd)
    func naming(_ program: ServerProgram) async throws {
        try await self.withLayout(program, .grpcNaming(prefix: "")) { backend, ctl in
            try await watching(backend) { snapshots in
                try await ctl.run("put", "web/10.0.0.9:1", #"{"Op":0,"Addr":"10.0.0.9:1","Metadata":null}"#)
                try await ctl.run(
                    "put",
                    "web/10.0.0.9:2",
                    #"{"Op":0,"Addr":"10.0.0.9:2","Metadata":{"zone":"a","n":1}}"#
                )
                try await eventually { snapshots.value.isLive(with: "10.0.0.9:1", "10.0.0.9:2") }
                let seen = try #require(snapshots.value.last?.instances)
                #expect(seen.map(\.endpoint.description) == ["grpc://10.0.0.9:1", "grpc://10.0.0.9:2"])
                #expect(seen.last?.metadata == ["zone": "a"])
                let own = try await backend.register(try sample("mine"), ttl: .seconds(60))
                let record = try self.object(try await ctl.value(of: "web/mine"))
                #expect(record["Op"] as? Int == 0)
                #expect(record["Addr"] as? String == "10.0.0.7:8080")
                try await ctl.run("del", "--prefix", "web/10.0.0.9:")
                try await eventually { snapshots.value.isLive(with: "mine") }
                try await own.revoke()
                try await eventually { snapshots.value.isLive() }
            }
        }
    }
}
