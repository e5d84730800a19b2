import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// What happens on the way to real servers, and to them.
@Suite(
    "etcd under faults",
    .serialized,
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdFaultTests {
    private let service: ServiceName
    private let key: ConfigKey

    init() throws {
        self.service = try ServiceName("web")
        self.key = try ConfigKey("shop/limits")
    }

    @Test(
        "a history that was compacted while a watch was away is made good by a new list",
        arguments: ServerProgram.etcd
    )
    func compaction(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            let proxy = try FaultProxy(to: server.clientPort)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await proxy.run() }
                defer { group.cancelAll() }
                try await withEtcd("etcd://127.0.0.1:\(server.clientPort)") { direct in
                    try await withEtcd("etcd://127.0.0.1:\(proxy.port)") { backend in
                        let first = try await direct.register(try sample("a"), ttl: .seconds(60))
                        try await watching(backend) { snapshots in
                            try await eventually { snapshots.value.last?.instances.map(\.id.text) == ["a"] }
                            proxy.mode = .refuse
                            try await eventually { snapshots.value.last?.freshness != .live }
                            try await first.revoke()
                            _ = try await direct.register(try sample("b"), ttl: .seconds(60))
                            let call = ServerCall(port: server.clientPort)
                            let revision = try await direct.client.status().header.revision
                            let answer = await call.send("POST", "/v3/kv/compaction", "{\"revision\":\"\(revision)\"}")
                            #expect(answer?.status == 200)
                            proxy.mode = .forward
                            try await eventually {
                                snapshots.value.last?.instances.map(\.id.text) == ["b"]
                                    && snapshots.value.last?.freshness == .live
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("a lease that somebody revokes is noticed, and a registrar registers anew", arguments: ServerProgram.etcd)
    func revocation(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd("etcd://127.0.0.1:\(server.clientPort)") { backend in
                let instance = try sample("a")
                let configuration = RegistrarConfiguration(ttl: .seconds(2), addsAutomaticMetadata: false)
                let registrar = try Registrar(backend: backend, configuration: configuration) { instance }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await registrar.run() }
                    defer { group.cancelAll() }
                    try await registrar.waitUntilRegistered()
                    let key = backend.layout.key(of: instance)
                    let range = EtcdRange(key: Array(key.utf8))
                    let read = EtcdRead(range: range)
                    let former = try await backend.client.read(read, "test", key: nil).records.first?.lease ?? 0
                    #expect(former != 0)
                    try await backend.client.revokeLease(former, "test", key: nil)
                    try await eventually {
                        let lease = try await backend.client.read(read, "test", key: nil).records.first?.lease
                        return lease != nil && lease != former
                    }
                }
            }
        }
    }

    @Test("a server that stands still is noticed, and nothing is lost once it goes on", arguments: ServerProgram.etcd)
    func pause(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            let url = "etcd://127.0.0.1:\(server.clientPort)"
            try await withEtcd(url, .init(timeout: .seconds(1))) { backend in
                let lease = try await backend.register(try sample("a"), ttl: .seconds(60))
                try await watching(backend) { snapshots in
                    try await eventually { snapshots.value.last?.instances.count == 1 }
                    server.pause()
                    let error = await #expect(throws: BackendError.self) {
                        _ = try await backend.instances(of: self.service)
                    }
                    #expect(error?.code == .timeout || error?.code == .unavailable)
                    // A watch that hears nothing asks for a sign of life, and says so when none comes.
                    try await eventually { snapshots.value.last?.freshness != .live }
                    server.resume()
                    try await eventually { snapshots.value.last?.freshness == .live }
                    try await lease.update(try sample("a").applying(InstanceChange(weight: 7)))
                    try await eventually { snapshots.value.last?.instances.first?.weight == 7 }
                    try await lease.renew()
                }
            }
        }
    }

    @Test(
        "users: the right password works, a token that was forgotten is asked for anew, a wrong one is told",
        arguments: ServerProgram.etcd
    )
    func users(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program, .init(rootPassword: "geheim")) { server in
            let url = "etcd://127.0.0.1:\(server.clientPort)"
            let right = EtcdBackend.Credentials(user: "root", password: "geheim")
            try await withEtcd(url, .init(credentials: right)) { backend in
                _ = try await backend.write(ConfigDraft(ConfigContent("1")), to: self.key, expecting: .absent)
                // Tokens are in a member's memory alone.
                try await server.restart(keepingData: true)
                let entry = try await backend.entry(for: self.key)
                #expect(entry?.content.text == "1")
                _ = try await backend.write(ConfigDraft(ConfigContent("2")), to: self.key, expecting: .any)
                #expect(await backend.health().canWrite)
            }
            let wrong = EtcdBackend.Credentials(user: "root", password: "falsch")
            for credentials in [wrong, nil] {
                try await withEtcd(url, .init(credentials: credentials)) { backend in
                    let error = await #expect(throws: BackendError.self) { _ = try await backend.entry(for: self.key) }
                    #expect(error?.code == .unauthenticated)
                    #expect("\(String(describing: error))".contains("falsch") == false)
                    let refusal = await #expect(throws: BackendError.self) {
                        try await backend.watch(self.service) { _ in }
                    }
                    #expect(refusal?.code == .unauthenticated)
                }
            }
        }
    }

    @Test("of three members any may die: the client goes on with another", arguments: ServerProgram.etcd)
    func members(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program, .init(memberCount: 3)) { server in
            let url = "etcd://" + server.clientPorts.map { "127.0.0.1:\($0)" }.joined(separator: ",")
            try await withEtcd(url) { backend in
                let lease = try await backend.register(try sample("a"), ttl: .seconds(60))
                try await watching(backend) { snapshots in
                    try await eventually { snapshots.value.last?.instances.count == 1 }
                    for (number, member) in server.members.enumerated() {
                        member.kill()
                        try await eventually(within: .seconds(30)) {
                            let change = InstanceChange(weight: number + 2)
                            return (try? await lease.update(try sample("a").applying(change))) != nil
                        }
                        try await eventually(within: .seconds(30)) {
                            snapshots.value.last?.instances.first?.weight == number + 2
                        }
                        try await member.restart(keepingData: true)
                    }
                    #expect(await backend.health().memberCount == 3)
                    try await lease.renew()
                }
            }
        }
    }

    @Test(
        "a record that cannot be read hides no other, and an unreadable content is told as such",
        arguments: ServerProgram.etcd
    )
    func rubbish(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd("etcd://127.0.0.1:\(server.clientPort)") { backend in
                _ = try await backend.register(try sample("a"), ttl: .seconds(60))
                let key = Array("\(backend.layout.prefix(of: self.service))b".utf8)
                try await backend.client.put(EtcdPut(key: key, value: [0xFF, 0x7B]), "test", key: nil)
                #expect(try await backend.instances(of: self.service).instances.map(\.id.text) == ["a"])
                let head = #"{"schema":9,"kind":"rollcall.config"}"# + "\n"
                let path = backend.keys.path(self.key.text)
                try await backend.client.put(EtcdPut(key: path, value: Array(head.utf8)), "test", key: nil)
                let error = await #expect(throws: BackendError.self) { _ = try await backend.entry(for: self.key) }
                #expect(error?.code == .protocolViolation)
                let states = MutexBox<[ConfigState]>([])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await backend.watch(self.key) { state in states.change { $0.append(state) } } }
                    defer { group.cancelAll() }
                    try await eventually {
                        if case .undecodable = states.value.last { true } else { false }
                    }
                }
            }
        }
    }

    @Test(
        "TLS: who is trusted is served, with a certificate of his own where that is wanted",
        arguments: ServerProgram.etcd
    )
    func security(_ program: ServerProgram) async throws {
        let certificates = try TestCertificates()
        let trusting = TLSConfiguration(caFile: certificates.ca)
        let proving = TLSConfiguration(caFile: certificates.ca, clientCertificate: certificates.client)
        let wrong = TLSConfiguration(caFile: certificates.otherCA)
        for (server, right, refused) in [
            (certificates.server, trusting, [wrong]), (certificates.mutual, proving, [wrong, trusting]),
        ] {
            try await EtcdServer.withServer(program, .init(tls: server)) { server in
                let url = "etcd://localhost:\(server.clientPort)"
                try await withEtcd(url, .init(tls: right)) { backend in
                    _ = try await backend.write(ConfigDraft(ConfigContent("1")), to: self.key, expecting: .absent)
                    let lease = try await backend.register(try sample("a"), ttl: .seconds(60))
                    try await watching(backend) { snapshots in
                        try await eventually { snapshots.value.last?.instances.count == 1 }
                        try await lease.update(try sample("a").applying(InstanceChange(weight: 3)))
                        try await eventually { snapshots.value.last?.instances.first?.weight == 3 }
                    }
                    try await lease.renew()
                }
                for configuration in refused {
                    try await withEtcd(url, .init(tls: configuration)) { backend in
                        let error = await #expect(throws: BackendError.self) {
                            _ = try await backend.entry(for: self.key)
                        }
                        #expect(error?.code == .unauthenticated, "\(String(describing: error))")
                    }
                }
            }
        }
    }
}
