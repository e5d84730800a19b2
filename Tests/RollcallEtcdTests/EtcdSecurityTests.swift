import Foundation
import GRPCEngine
import Rollcall
import RollcallTesting
import Synchronization
import Testing

@testable import RollcallEtcd

/// All that the driver does, over mutual TLS and with users who have rights to little.
@Suite(
    "etcd with TLS and users",
    .serialized,
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdSecurityTests {
    private let certificates: TestCertificates
    private let key: ConfigKey
    private let lock: LockName

    init() throws {
        self.certificates = try TestCertificates()
        self.key = try ConfigKey("shop/limits")
        self.lock = try LockName("job")
    }

    private func configuration(_ user: String?, _ password: String = "geheim") -> EtcdBackend.Configuration {
        EtcdBackend.Configuration(
            credentials: user.map { EtcdBackend.Credentials(user: $0, password: password) },
            tls: TLSConfiguration(caFile: self.certificates.ca, clientCertificate: self.certificates.client)
        )
    }

    /// Runs a server of mutual TLS with the users `root` and `shop`, who may use the namespace `default`.
    private func withServer(_ program: ServerProgram, _ body: (EtcdServer, String) async throws -> Void) async throws {
        // Tokens that nobody uses for this long are forgotten, where that can be set.
        let arguments = program.isAtLeast("3.5.0") ? ["--auth-token-ttl=2"] : []
        let configuration = EtcdServer.Configuration(tls: self.certificates.mutual, arguments: arguments)
        try await EtcdServer.withServer(program, configuration) { server in
            let url = "etcd://localhost:\(server.clientPort)"
            try await withEtcd(url, self.configuration(nil)) { try await Self.addUsers($0) }
            try await body(server, url)
        }
    }

    private static func addUsers(_ backend: EtcdBackend) async throws {
        func call(_ method: String, _ fields: String...) async throws {
            var writer = ProtobufWriter()
            for (number, field) in fields.enumerated() { writer.string(number + 1, field) }
            try await send(method, writer)
        }
        func send(_ method: String, _ writer: ProtobufWriter) async throws {
            let deadline = backend.clock.now.advanced(by: .seconds(10))
            _ = try await backend.channel.call("/etcdserverpb.Auth/\(method)", writer.bytes, until: deadline)
        }
        for user in ["root", "shop"] {
            try await call("UserAdd", user, "geheim")
            try await call("RoleAdd", user)
            try await call("UserGrantRole", user, user)
        }
        let range = EtcdRange(prefix: Array("/rollcall/default/".utf8))
        var writer = ProtobufWriter()
        writer.string(1, "shop")
        writer.message(2) { writer in
            writer.integer(1, 2)
            writer.bytes(2, range.key)
            writer.bytes(3, range.end)
        }
        try await send("RoleGrantPermission", writer)
        try await call("AuthEnable")
    }

    @Test(
        "registration, watch, configuration and lock; tokens that were forgotten or have expired are asked for anew",
        arguments: ServerProgram.etcd
    )
    func everything(_ program: ServerProgram) async throws {
        try await self.withServer(program) { server, url in
            try await withEtcd(url, self.configuration("shop")) { backend in
                let instance = try sample("a")
                let lease = try await backend.register(instance, ttl: .seconds(30))
                let held = try #require(try await backend.acquire(self.lock, ttl: .seconds(30)) as? EtcdLockLease)
                try await watching(backend) { snapshots in
                    try await eventually { snapshots.value.isLive(with: "a") }
                    let first = try await backend.write(
                        ConfigDraft(ConfigContent("1")),
                        to: self.key,
                        expecting: .absent
                    )
                    try await self.outliveToken(program, backend)
                    // The watch was opened with a token that is no more: it goes on.
                    try await lease.update(try instance.applying(InstanceChange(weight: 2)))
                    try await eventually { snapshots.value.last?.instances.first?.weight == 2 }
                    try await lease.renew()
                    try await held.renew()

                    // A member remembers no tokens.
                    try await server.restart(keepingData: true)
                    _ = try await backend.write(
                        ConfigDraft(ConfigContent("2")),
                        to: self.key,
                        expecting: .revision(first.revision)
                    )
                    try await lease.update(try instance.applying(InstanceChange(weight: 3)))
                    try await eventually { snapshots.value.last?.instances.first?.weight == 3 }
                    try await lease.renew()
                    try await held.renew()
                }
                try await held.release()
                try await lease.revoke()
                #expect(try await backend.instances(of: instance.service).instances.isEmpty)
                #expect(await backend.health().canWrite)
            }
        }
    }

    /// Waits until the token of a client has expired, by asking with it from elsewhere as seldom as that needs.
    private func outliveToken(_ program: ServerProgram, _ backend: EtcdBackend) async throws {
        guard program.isAtLeast("3.5.0"), let token = backend.client.token.withLock({ $0 }) else { return }
        let clock = ContinuousClock()
        let end = clock.now.advanced(by: .seconds(6))
        try await eventually { clock.now > end }
        _ = try await backend.entry(for: self.key)
        #expect(backend.client.token.withLock { $0 } != token)
    }

    @Test(
        "who has no rights is told so, also by a watch and a lock, and leaves nothing behind",
        arguments: ServerProgram.etcd
    )
    func rights(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, url in
            let foreign = try EtcdBackend(
                url: url,
                namespace: try Namespace("other"),
                configuration: self.configuration("shop")
            )
            try await alongside {
                try await foreign.run()
            } _: {
                let instance = try sample("a")
                let codes = [
                    await Self.code { _ = try await foreign.register(instance, ttl: .seconds(30)) },
                    await Self.code { _ = try await foreign.instances(of: instance.service) },
                    await Self.code { try await foreign.watch(instance.service) { _ in } },
                    await Self.code { _ = try await foreign.entry(for: self.key) },
                    await Self.code {
                        _ = try await foreign.write(ConfigDraft(ConfigContent("1")), to: self.key, expecting: .any)
                    },
                    await Self.code { try await foreign.watch(self.key) { _ in } },
                    await Self.code { _ = try await foreign.acquire(self.lock, ttl: .seconds(30)) },
                ]
                #expect(codes == Array(repeating: .permissionDenied, count: codes.count))
            }
            try await withEtcd(url, self.configuration("root")) { backend in
                let count = try await backend.client.readAll(EtcdRange(prefix: []), "test", key: nil).count
                #expect(count == 0)
            }
        }
    }

    @Test("a certificate alone, a wrong password and no certificate are not let in", arguments: ServerProgram.etcd)
    func strangers(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, url in
            var unproven = self.configuration("shop")
            unproven.tls?.clientCertificate = nil
            for configuration in [self.configuration("shop", "falsch"), unproven] {
                try await withEtcd(url, configuration) { backend in
                    let code = await Self.code { _ = try await backend.entry(for: self.key) }
                    #expect(code == .unauthenticated)
                    let watch = await Self.code { try await backend.watch(self.key) { _ in } }
                    #expect(watch == .unauthenticated)
                }
            }
            // Who shows a certificate is taken by its name for a user whom nobody knows.
            try await withEtcd(url, self.configuration(nil)) { backend in
                let code = await Self.code { _ = try await backend.entry(for: self.key) }
                #expect(code == .permissionDenied || code == .unauthenticated)
            }
        }
    }

    private static func code(_ body: () async throws -> Void) async -> BackendError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? BackendError)?.code
        }
    }
}
