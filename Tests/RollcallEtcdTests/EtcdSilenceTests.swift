import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// A member that says nothing any more, though its connection stands, beside one that is well.
@Suite(
    "etcd with a member that is silent",
    .serialized,
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdSilenceTests {
    @Test(
        "is left in time for leases of the usual ten seconds, which nobody loses",
        arguments: ServerProgram.etcd
    )
    func leases(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withProxy(to: server.clientPort) { first in
                try await withProxy(to: server.clientPort) { second in
                    let url = "etcd://127.0.0.1:\(first.port),127.0.0.1:\(second.port)"
                    try await withEtcd(url) { backend in
                        try await self.check(backend, first, second)
                    }
                }
            }
        }
    }

    private func check(_ backend: EtcdBackend, _ first: FaultProxy, _ second: FaultProxy) async throws {
        let lease = try await backend.register(try sample("one"), ttl: .seconds(10))
        let lock = try await backend.acquire(try LockName("job"), ttl: .seconds(10))
        let loss = MutexBox<BackendError?>(nil)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do throws(BackendError) { try await lease.keepAlive() } catch { loss.change { $0 = $0 ?? error } }
            }
            group.addTask {
                do throws(BackendError) { try await lock.keepAlive() } catch { loss.change { $0 = $0 ?? error } }
            }
            let silent = first.connectionCount > 0 ? first : second
            let other = silent === first ? second : first
            try await ContinuousClock().sleep(for: .seconds(4))
            silent.mode = .halfOpen
            // Behind a third of the time-to-live and some, the other one is asked; without that it were eleven seconds.
            try await eventually(within: .seconds(30)) { other.connectionCount > 0 }
            try await ContinuousClock().sleep(for: .seconds(12))
            #expect(loss.value == nil)
            #expect(try await backend.instances(of: try ServiceName("web")).instances.map(\.id.text) == ["one"])
            group.cancelAll()
        }
        try await lease.revoke()
        try await lock.release()
    }
}
