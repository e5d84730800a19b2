import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

@Suite(
    "etcd in everyday use",
    .serialized,
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdUseTests {
    @Test("a thousand registrations are made and renewed over one connection", arguments: ServerProgram.etcd)
    func oneConnection(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            let proxy = try FaultProxy(to: server.clientPort)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await proxy.run() }
                defer { group.cancelAll() }
                try await withEtcd("etcd://127.0.0.1:\(proxy.port)", .init(timeout: .seconds(30))) { backend in
                    let most = MutexBox(0)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<1000 {
                            let instance = try sample("id-\(number)")
                            group.addTask {
                                let lease = try await backend.register(instance, ttl: .seconds(60))
                                try await lease.renew()
                                let count = proxy.connectionCount
                                most.change { $0 = max($0, count) }
                            }
                        }
                        try await group.waitForAll()
                    }
                    #expect(most.value == 1)
                    #expect(try await backend.instances(of: try ServiceName("web")).instances.count == 1000)
                }
            }
        }
    }

    @Test("health tells leader, members and version, and leaves no key behind", arguments: ServerProgram.etcd)
    func health(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd("etcd://127.0.0.1:\(server.clientPort)") { backend in
                let health = await backend.health()
                #expect(health.isReachable && health.canRead && health.canWrite)
                #expect(health.leader == "member0")
                #expect(health.memberCount == 1)
                #expect(health.serverVersion == program.version)
                #expect(try await backend.client.readAll(EtcdRange(prefix: []), "test", key: nil).count == 0)
                server.kill()
                try await eventually { await !backend.health().isReachable }
            }
        }
    }
}
