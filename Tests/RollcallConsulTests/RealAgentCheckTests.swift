import Foundation
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite(
    "Checks by a real agent",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
)
struct RealAgentCheckTests {
    /// Runs a server on a port, which may be 0, for as long as `body` runs.
    private func withServer(
        port: Int = 0,
        status: MutexBox<Int> = MutexBox(200),
        _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws {
        let server = try HTTPServer(host: "127.0.0.1", port: port) { exchange in
            exchange.respond(exchange.head.path == "/api/health" ? status.value : 404, "text/plain", body: [])
        }
        try await alongside {
            await server.run()
        } _: {
            try await body(server.address.port)
        }
    }

    /// The statuses that a watch shows for as long as `body` runs.
    private func watching(
        _ backend: ConsulBackend,
        _ body: (MutexBox<[HealthStatus?]>) async throws -> Void
    ) async throws {
        let statuses = MutexBox<[HealthStatus?]>([])
        let web = try ServiceName("web")
        try await alongside {
            _ = try? await backend.watch(web) { snapshot in
                statuses.change { $0.append(snapshot.instances.first?.status) }
            }
        } _: {
            try await body(statuses)
        }
    }

    @Test(
        "by HTTP: what fails is critical, what is slow to answer a warning, until it recovers",
        arguments: ServerProgram.consul
    )
    func http(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let status = MutexBox(200)
            try await self.withServer(status: status) { port in
                let check = ConsulBackend.AgentCheck(
                    .http(path: "/health"),
                    interval: .seconds(1),
                    timeout: .seconds(1)
                )
                let backend = try consul.backend { $0.agentCheck = check }
                let instance = try ServiceInstance.sample(endpoints: [
                    "grpc://127.0.0.1:1", "http://127.0.0.1:\(port)/api",
                ])
                try await self.watching(backend) { statuses in
                    let lease = try await backend.register(instance, ttl: .seconds(60))
                    try await eventually { statuses.value.last == .passing }
                    status.change { $0 = 503 }
                    try await eventually { statuses.value.last == .critical }
                    status.change { $0 = 429 }
                    try await eventually { statuses.value.last == .warning }
                    status.change { $0 = 200 }
                    try await eventually { statuses.value.last == .passing }
                    // The check is none of the lease's, which goes on; and what its holder changes keeps the check's word.
                    status.change { $0 = 500 }
                    try await eventually { statuses.value.last == .critical }
                    try await lease.renew()
                    try await lease.update(try instance.applying(InstanceChange(weight: 5)))
                    #expect(try await backend.instances(of: instance.service).instances.map(\.status) == [.critical])
                    status.change { $0 = 200 }
                    try await eventually { statuses.value.last == .passing }
                    let names = try #require(try await consul.json("/v1/agent/checks") as? [String: Any])
                    #expect(names.keys.count { $0.hasPrefix("rollcall-agent-") } == 1)
                    try await lease.revoke()
                    let left = try #require(try await consul.json("/v1/agent/checks") as? [String: Any])
                    #expect(!left.keys.contains { $0.hasPrefix("rollcall-") })
                }
            }
        }
    }

    @Test("by TCP: whoever does not listen is critical until he does", arguments: ServerProgram.consul)
    func tcp(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend {
                $0.agentCheck = .init(.tcp, interval: .seconds(1), timeout: .seconds(1))
            }
            try await self.watching(backend) { statuses in
                let number = MutexBox(0)
                try await self.withServer { port in
                    number.change { $0 = port }
                    _ = try await backend.register(
                        try .sample(endpoints: ["http://127.0.0.1:\(port)"]),
                        ttl: .seconds(60)
                    )
                    try await eventually { statuses.value.last == .passing }
                }
                try await eventually { statuses.value.last == .critical }
                try await self.withServer(port: number.value) { _ in
                    try await eventually { statuses.value.last == .passing }
                }
            }
        }
    }

    @Test(
        "by gRPC's health protocol: a server that is gone is critical until it is back",
        .enabled(if: !ServerProgram.etcd.isEmpty, "a server of gRPC is needed, as which etcd serves"),
        arguments: ServerProgram.consul
    )
    func grpc(_ program: ServerProgram) async throws {
        let peer = try #require(ServerProgram.etcd.last)
        try await RealConsul.run(program) { consul in
            try await EtcdServer.withServer(peer) { etcd in
                let endpoint = "grpc://127.0.0.1:\(etcd.clientPort)"
                let backend = try consul.backend {
                    $0.agentCheck = .init(.grpc(service: ""), interval: .seconds(1), timeout: .seconds(1))
                }
                try await self.watching(backend) { statuses in
                    let lease = try await backend.register(try .sample(endpoints: [endpoint]), ttl: .seconds(60))
                    try await eventually { statuses.value.last == .passing }
                    etcd.pause()
                    try await eventually { statuses.value.last == .critical }
                    etcd.resume()
                    try await eventually { statuses.value.last == .passing }
                    try await lease.revoke()
                    let other = try consul.backend {
                        $0.agentCheck = .init(.grpc(service: "nobody"), interval: .seconds(1), timeout: .seconds(1))
                    }
                    _ = try await other.register(try .sample(endpoints: [endpoint]), ttl: .seconds(60))
                    try await eventually { statuses.value.last == .critical }
                }
            }
        }
    }

    @Test("a holder who dies leaves although his port answers", arguments: ServerProgram.consul)
    func lease(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            try await self.withServer { port in
                let url =
                    "consul://127.0.0.1:\(consul.port)?check=http&check-path=/api/health&check-interval=1s&check-timeout=1s"
                let backend = try ConsulBackend(url: url)
                let instance = try ServiceInstance.sample(endpoints: ["http://127.0.0.1:\(port)"])
                try await self.watching(backend) { statuses in
                    _ = try await backend.register(instance, ttl: .seconds(4))
                    try await eventually { statuses.value.last == .passing }
                    try await eventually { statuses.value.last == .some(nil) }
                    // Whoever comes after him has a check of his own.
                    let next = try await backend.register(instance, ttl: .seconds(60))
                    try await eventually { statuses.value.last == .passing }
                    let checks = try #require(try await consul.json("/v1/agent/checks") as? [String: Any])
                    #expect(checks.keys.contains("rollcall-agent-\(next.token.secret)"))
                    #expect(checks.keys.count { $0.hasPrefix("rollcall-") } == 2)
                }
            }
        }
    }
}
