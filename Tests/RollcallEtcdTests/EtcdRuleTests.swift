import GRPCEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// What calls and renewals make of answers that real servers give now and then only.
@Suite("Rules of etcd's driver: calls and renewals", .timeLimit(.minutes(2)))
struct EtcdRuleTests {
    @Test("a lease that is none is no lease", arguments: [(0, 5), (7, 0), (7, -1)] as [(Int64, Int64)])
    func badGrant(_ id: Int64, _ seconds: Int64) async throws {
        try await FakeGRPCServer.withServer { call in
            if call.method == "Lease/LeaseGrant" { call.answer(EtcdReply.lease(id, seconds: seconds)) }
        } _: { server in
            try await withEtcd(port: server.port) { backend in
                let error = await #expect(throws: BackendError.self) {
                    _ = try await backend.register(try sample("a"), ttl: .seconds(5))
                }
                #expect(error?.code == .protocolViolation)
                #expect(error?.applied == .no)
            }
        }
    }

    @Test("a success that cannot be read may have been carried out, unless it was a read")
    func unreadableSuccess() async throws {
        try await FakeGRPCServer.withServer { call in
            // A field of no kind that there is.
            call.answer([0x0F, 0xFF])
        } _: { server in
            try await withEtcd(port: server.port) { backend in
                let range = EtcdRange(key: [1])
                let write = await #expect(throws: BackendError.self) {
                    _ = try await backend.client.delete(range, "test", key: "k")
                }
                #expect(write?.code == .protocolViolation)
                #expect(write?.applied == .unknown)
                let read = await #expect(throws: BackendError.self) {
                    _ = try await backend.client.read(EtcdRead(range: range), "test", key: "k")
                }
                #expect(read?.code == .protocolViolation)
                #expect(read?.applied == .no)
            }
        }
    }

    @Test("a call's time is over also while something comes on another call all the time")
    func deadlineBesideChatter() async throws {
        let isOver = Signal()
        try await FakeGRPCServer.withServer { call in
            if call.method == "Lease/LeaseKeepAlive" { call.send(EtcdReply.lease(7, seconds: 60)) }
        } _: { server in
            try await withEtcd(port: server.port, .init(timeout: .seconds(1))) { backend in
                try await Self.connect(backend)
                try await alongside {
                    // Each answer is asked for at once anew, so that the connection is never silent.
                    while !isOver.isRaised, !Task.isCancelled {
                        _ = try? await backend.keeper.renew(7, within: .seconds(5))
                    }
                } _: {
                    let clock = ContinuousClock()
                    let start = clock.now
                    let error = await #expect(throws: BackendError.self) {
                        try await backend.client.put(EtcdPut(key: [1], value: [2]), "test", key: "k")
                    }
                    isOver.raise()
                    #expect(error?.code == .timeout)
                    #expect(error?.applied == .unknown)
                    #expect(clock.now - start < .seconds(5))
                }
            }
        }
    }

    @Test("what a refused stream of renewals says is for who asked first; the others may ask again")
    func refusedRenewals() async throws {
        let questions = MutexBox<[FakeGRPCServer.Call]>([])
        try await FakeGRPCServer.withServer { call in
            questions.change { $0.append(call) }
        } _: { server in
            try await withEtcd(port: server.port) { backend in
                let codes = MutexBox<[Int64: BackendError.Code]>([:])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for lease in [Int64(7), 8, 9] {
                        group.addTask {
                            do throws(BackendError) {
                                _ = try await backend.keeper.renew(lease, within: .seconds(5))
                            } catch {
                                codes.change { $0[lease] = error.code }
                                #expect(error.operation == "renew")
                            }
                        }
                        try await eventually { questions.value.count == Int(lease) - 6 }
                    }
                    questions.value.first?.end(7, "etcdserver: permission denied")
                    try await group.waitForAll()
                }
                #expect(codes.value == [7: .permissionDenied, 8: .unavailable, 9: .unavailable])
            }
        }
    }

    @Test("an answer that comes late is none to the next question")
    func lateAnswer() async throws {
        let questions = MutexBox<[FakeGRPCServer.Call]>([])
        try await FakeGRPCServer.withServer { call in
            questions.change { $0.append(call) }
        } _: { server in
            try await withEtcd(port: server.port, .init(timeout: .seconds(2))) { backend in
                try await Self.connect(backend)
                let first = await #expect(throws: BackendError.self) {
                    _ = try await backend.keeper.renew(7, within: .seconds(5))
                }
                #expect(first?.code == .timeout)
                try await alongside {
                    try await eventually { questions.value.count == 2 }
                    // The lease was over when it was asked about first, and somebody made it anew since.
                    questions.value.first?.send(EtcdReply.lease(7, seconds: 0))
                    questions.value.first?.send(EtcdReply.lease(7, seconds: 42))
                } _: {
                    let granted = try await backend.keeper.renew(7, within: .seconds(5))
                    #expect(granted == .seconds(42))
                }
            }
        }
    }

    @Test("a renewal before run() and one behind its end say so, also those that wait when it ends")
    func notRunning() async throws {
        try await FakeGRPCServer.withServer(handler: { _ in }) { server in
            let configuration = EtcdBackend.Configuration(timeout: .milliseconds(300))
            let backend = try EtcdBackend(url: "etcd://127.0.0.1:\(server.port)", configuration: configuration)
            func code(of lease: EtcdLease) async -> BackendError.Code? {
                await #expect(throws: BackendError.self) { try await lease.renew() }?.code
            }
            let instance = try sample("a")
            let token = LeaseToken(service: instance.service, id: instance.id, secret: "7")
            let lease = EtcdLease(backend: backend, token: token, lease: 7, key: "k", ttl: .seconds(5))
            #expect(await code(of: lease) == .notRunning)
            try await alongside {
                try await backend.run()
            } _: {
                #expect(await code(of: lease) == .timeout)
            }
            #expect(await code(of: lease) == .notRunning)
            let error = await #expect(throws: BackendError.self) { try await lease.keepAlive() }
            #expect(error?.code == .notRunning)
        }
    }

    @Test("a member without a leader is left: another carries the call out, and nothing is done twice")
    func noLeader() async throws {
        let (refused, written) = (Tally(), Tally())
        try await FakeGRPCServer.withServer { call in
            #expect(call.hasField("hasleader"))
            refused.add()
            call.end(14, "etcdserver: no leader")
        } _: { first in
            try await FakeGRPCServer.withServer { call in
                written.add()
                call.answer([])
            } _: { second in
                // Whichever of the two is taken first.
                for _ in 0..<6 {
                    try await withEtcd("etcd://127.0.0.1:\(first.port),127.0.0.1:\(second.port)") { backend in
                        try await backend.client.put(EtcdPut(key: [1], value: [2]), "test", key: "k")
                    }
                }
            }
        }
        #expect(written.value == 6)
    }

    @Test("without any leader a call fails in time, and nothing was done")
    func nowhereALeader() async throws {
        try await FakeGRPCServer.withServer { call in
            call.end(14, "etcdserver: no leader")
        } _: { server in
            try await withEtcd(port: server.port, .init(timeout: .seconds(1))) { backend in
                let error = await #expect(throws: BackendError.self) {
                    try await backend.client.put(EtcdPut(key: [1], value: [2]), "test", key: "k")
                }
                // The time may also be over while the last answer is on its way.
                #expect(error?.code == .unavailable && error?.applied == .no || error?.code == .timeout)
            }
        }
    }

    /// Waits for a connection, so that what a busy machine needs for it is no part of a call's time.
    private static func connect(_ backend: EtcdBackend) async throws {
        _ = try await backend.channel.connected(until: backend.clock.now.advanced(by: .seconds(20)))
    }
}
