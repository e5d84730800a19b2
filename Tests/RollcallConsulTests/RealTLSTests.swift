import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite(
    "A real Consul by TLS",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
)
struct RealTLSTests {
    private let certificates: TestCertificates

    init() throws { self.certificates = try TestCertificates() }

    /// Uses everything that a backend has.
    private func use(_ backend: ConsulBackend) async throws {
        let instance = try ServiceInstance.sample()
        let lease = try await backend.register(instance, ttl: .seconds(30))
        let weights = MutexBox<[Int?]>([])
        try await alongside {
            _ = try? await backend.watch(instance.service) { snapshot in
                weights.change { $0.append(snapshot.instances.first?.weight) }
            }
        } _: {
            try await eventually { weights.value.last == 1 }
            try await lease.update(try instance.applying(InstanceChange(weight: 3)))
            try await eventually { weights.value.last == 3 }
        }
        try await lease.renew()
        try await lease.revoke()
        let key = try ConfigKey("shop/limits")
        let entry = try await backend.write(ConfigDraft(ConfigContent("1")), to: key, expecting: .absent)
        // What is too large for a transaction goes another way.
        let large = ConfigDraft(ConfigContent(bytes: Array(repeating: 7, count: 400 << 10)))
        _ = try await backend.write(large, to: key, expecting: .revision(entry.revision))
        #expect(try await backend.entry(for: key)?.content == large.content)
        try await backend.delete(key, expecting: .any)
        let lock = try await backend.acquire(try LockName("nightly"), ttl: .seconds(10))
        try await lock.release()
        #expect(await backend.health().canWrite)
    }

    /// Makes sure that everything is refused in the same clear way, and nothing asked again and again.
    private func expectRefusal(
        _ consul: RealConsul,
        _ query: String,
        host: String = "localhost",
        saying text: String
    ) async throws {
        let proxy = try FaultProxy(to: consul.server.httpsPort)
        try await alongside {
            await proxy.run()
        } _: {
            let backend = try consul.secure(query, host: host, port: proxy.port)
            let instance = try ServiceInstance.sample()
            func check(_ what: () async throws -> Void) async {
                let former = proxy.acceptedCount
                let error = await #expect(throws: BackendError.self) { try await what() }
                #expect(error?.code == .unauthenticated, "\(String(describing: error))")
                #expect(error?.message.contains(text) == true, "\(String(describing: error))")
                #expect(proxy.acceptedCount - former <= 4)
            }
            await check { _ = try await backend.register(instance, ttl: .seconds(30)) }
            await check { _ = try await backend.instances(of: instance.service) }
            await check { _ = try await backend.watch(instance.service) { _ in } }
            await check { _ = try await backend.entry(for: try ConfigKey("a")) }
            await check { _ = try await backend.watch(try ConfigKey("a")) { _ in } }
            await check { _ = try await backend.acquire(try LockName("a"), ttl: .seconds(10)) }
            let health = await backend.health()
            #expect(!health.isReachable && health.error == .unauthenticated)
        }
    }

    @Test("who trusts its authority uses all of it", arguments: ServerProgram.consul)
    func serverOnly(_ program: ServerProgram) async throws {
        try await RealConsul.run(program, tls: self.certificates.server) { consul in
            try await self.use(consul.secure("ca=\(self.certificates.ca)"))
            // The same by its number, and from the variables of Consul's own program.
            let environment = ["CONSUL_CACERT": self.certificates.ca, "CONSUL_HTTP_TOKEN": ""]
            let opener = ConsulBackend.opener(environment: environment)
            let opened = try opener("consul+https://127.0.0.1:\(consul.server.httpsPort)", .default)
            #expect(await opened.health().canRead)
            try await self.expectRefusal(consul, "ca=\(self.certificates.otherCA)", saying: "TLS")
            try await self.expectRefusal(
                consul,
                "ca=\(self.certificates.ca)&server-name=elsewhere.test",
                saying: "elsewhere.test"
            )
            try await self.expectRefusal(consul, "ca=/nowhere/ca.pem", saying: "/nowhere/ca.pem")
        }
    }

    @Test("a server of another name is trusted when that is the one that is asked for", arguments: ServerProgram.consul)
    func serverName(_ program: ServerProgram) async throws {
        try await RealConsul.run(program, tls: self.certificates.elsewhere) { consul in
            try await self.use(consul.secure("ca=\(self.certificates.ca)&server-name=elsewhere.test"))
            try await self.expectRefusal(consul, "ca=\(self.certificates.ca)", saying: "localhost")
        }
    }

    @Test("where clients prove themselves, too, those that can are served", arguments: ServerProgram.consul)
    func mutual(_ program: ServerProgram) async throws {
        try await RealConsul.run(program, tls: self.certificates.mutual) { consul in
            let client = self.certificates.client
            let files = "cert=\(client.certificateFile)&key=\(client.keyFile)"
            try await self.use(consul.secure("ca=\(self.certificates.ca)&\(files)"))
            try await self.expectRefusal(consul, "ca=\(self.certificates.ca)", saying: "certificate")
            let stranger = self.certificates.stranger
            let others = "cert=\(stranger.certificateFile)&key=\(stranger.keyFile)"
            try await self.expectRefusal(consul, "ca=\(self.certificates.ca)&\(others)", saying: "certificate")
            try await self.expectRefusal(consul, "ca=\(self.certificates.otherCA)&\(files)", saying: "TLS")
        }
    }

    @Test("tokens count by TLS as they do without", arguments: ServerProgram.consul)
    func tokens(_ program: ServerProgram) async throws {
        let token = "0b6f7a54-2c1f-4a39-8d0a-5ce3f1c2a7b4"
        try await RealConsul.run(program, token: token, tls: self.certificates.mutual) { consul in
            let client = self.certificates.client
            let query = "ca=\(self.certificates.ca)&cert=\(client.certificateFile)&key=\(client.keyFile)"
            try await self.use(consul.secure(query))
            for other in [nil, "1b6f7a54-2c1f-4a39-8d0a-5ce3f1c2a7b4"] {
                let backend = try consul.secure(query) { $0.credentials.token = other }
                let error = await #expect(throws: BackendError.self) {
                    _ = try await backend.register(try .sample(), ttl: .seconds(30))
                }
                #expect(error?.code == .unauthenticated, "\(String(describing: error))")
            }
        }
    }

    @Test("a registrar that is not trusted does not hammer the server", arguments: ServerProgram.consul)
    func registrar(_ program: ServerProgram) async throws {
        try await RealConsul.run(program, tls: self.certificates.mutual) { consul in
            let proxy = try FaultProxy(to: consul.server.httpsPort)
            try await alongside {
                await proxy.run()
            } _: {
                let backend = try consul.secure("ca=\(self.certificates.ca)", port: proxy.port)
                let configuration = RegistrarConfiguration(ttl: .seconds(3), addsAutomaticMetadata: false)
                let registrar = try Registrar(backend: backend, configuration: configuration) { try .sample() }
                try await alongside {
                    try? await registrar.run()
                } _: {
                    try await eventually { registrar.status.lastError?.code == .unauthenticated }
                    // It tries again after a minute, when somebody may have set it right.
                    let former = proxy.acceptedCount
                    try await ContinuousClock().sleep(for: .seconds(2))
                    #expect(proxy.acceptedCount == former)
                }
            }
        }
    }
}
