import Foundation
import GRPCEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// Connections that change at the worst of moments.
@Suite(
    "etcd behind another connection",
    .serialized,
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdReconnectTests {
    /// A member that has the cluster id of every other one with these settings, as a store that was made anew has.
    private static let twin = EtcdServer.Configuration(arguments: [
        "--initial-advertise-peer-urls=http://127.0.0.1:1", "--initial-cluster=member0=http://127.0.0.1:1",
    ])

    @Test(
        "a store that was made anew between the list and the watch is not taken for the one that was listed",
        arguments: ServerProgram.etcd
    )
    func listAndWatch(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program, Self.twin) { former in
            try await EtcdServer.withServer(program, Self.twin) { latter in
                let key = Array("/t/a".utf8)
                try await withEtcd(port: former.clientPort) { backend in
                    try await backend.client.put(EtcdPut(key: key, value: [1]), "test", key: nil)
                }
                // It has caught up: its revisions do not show that it is another one.
                try await withEtcd(port: latter.clientPort) { backend in
                    for number in UInt8(10)..<20 {
                        try await backend.client.put(EtcdPut(key: key, value: [number]), "test", key: nil)
                    }
                }
                try await withProxy(to: former.clientPort) { proxy in
                    try await withEtcd(port: proxy.port) { backend in
                        try await self.follow(backend, key, proxy, latter.clientPort)
                    }
                }
            }
        }
    }

    private func follow(_ backend: EtcdBackend, _ key: [UInt8], _ proxy: FaultProxy, _ port: Int) async throws {
        let lists = MutexBox<[[UInt8]]>([])
        try await alongside {
            try await backend.follow(EtcdRange(key: key), "test") { told in
                guard case .all(let records) = told else { return }
                lists.change { $0.append(records.first?.value ?? []) }
                guard lists.value.count == 1 else { return }
                // In this very moment, behind the list and before the watch.
                proxy.lead(to: port)
                Self.waitForNextConnection(of: backend) { proxy.cut() }
            }
        } _: {
            try await eventually { lists.value.last == [19] }
            #expect(lists.value.first == [1])
        }
    }

    private static func waitForNextConnection(of backend: EtcdBackend, after cut: () -> Void) {
        let number = backend.channel.connectionNumber
        cut()
        // What is told is told without waiting, so that a thread must stand still; another one makes the connection.
        let deadline = Date().addingTimeInterval(10)
        while backend.channel.connectionNumber == number, Date() < deadline { Thread.sleep(forTimeInterval: 0.002) }
    }
}
