import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// How often a server is asked who calls, which costs it a deliberately slow check of the password.
@Suite("Tokens of etcd", .timeLimit(.minutes(1)))
struct EtcdTokenTests {
    private static let callers = 50
    private static let configuration = EtcdBackend.Configuration(
        credentials: EtcdBackend.Credentials(user: "joe", password: "secret")
    )

    /// Makes many calls at the same time, all of which succeed.
    private static func callAll(_ backend: EtcdBackend) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<Self.callers {
                group.addTask {
                    try await backend.client.put(EtcdPut(key: [UInt8(number)], value: [1]), "test", key: "k")
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("all that call at once share one token, and one more when it was forgotten")
    func shared() async throws {
        let (questions, valid) = (Tally(), MutexBox(1))
        try await FakeGRPCServer.withServer { call in
            if call.method == "Auth/Authenticate" {
                questions.add()
                call.answer(EtcdReply.token("token-\(valid.value)"))
            } else if call.hasField("token-\(valid.value)") {
                call.answer(EtcdReply.transaction(succeeded: true))
            } else {
                call.end(16, "etcdserver: invalid auth token")
            }
        } _: { server in
            try await withEtcd(port: server.port, Self.configuration) { backend in
                for round in 1...3 {
                    valid.change { $0 = round }
                    try await Self.callAll(backend)
                    #expect(questions.value == round)
                }
            }
        }
    }

    @Test("all that wait while the password is refused are refused with it")
    func refused() async throws {
        let questions = MutexBox<[FakeGRPCServer.Call]>([])
        try await FakeGRPCServer.withServer { call in
            guard call.method == "Auth/Authenticate" else { return call.end(3, "etcdserver: user name is empty") }
            questions.change { $0.append(call) }
        } _: { server in
            try await withEtcd(port: server.port, Self.configuration) { backend in
                let codes = MutexBox<[BackendError.Code]>([])
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<Self.callers {
                        group.addTask {
                            do throws(BackendError) {
                                let put = EtcdPut(key: [UInt8(number)], value: [1])
                                try await backend.client.put(put, "test", key: "k")
                            } catch {
                                codes.change { $0.append(error.code) }
                            }
                        }
                    }
                    try await eventually {
                        backend.client.authentication.waitingCount == Self.callers - 1 && !questions.value.isEmpty
                    }
                    let refusal = "etcdserver: authentication failed, invalid user ID or password"
                    for question in questions.value { question.end(3, refusal) }
                    try await group.waitForAll()
                }
                #expect(codes.value == Array(repeating: .unauthenticated, count: Self.callers))
                #expect(questions.value.count == 1)
            }
        }
    }

    @Test("a server that knows no users is asked once a connection at most, and again when it has some")
    func noUsers() async throws {
        let (questions, hasUsers) = (Tally(), MutexBox(false))
        try await FakeGRPCServer.withServer { call in
            switch call.method {
            case "Auth/Authenticate":
                questions.add()
                if hasUsers.value { return call.answer(EtcdReply.token("token")) }
                call.end(9, "etcdserver: authentication is not enabled")
            default:
                if hasUsers.value, !call.hasField("token") { return call.end(3, "etcdserver: user name is empty") }
                call.answer(EtcdReply.transaction(succeeded: true))
            }
        } _: { server in
            try await withEtcd(port: server.port, Self.configuration) { backend in
                for _ in 0..<2 { try await Self.callAll(backend) }
                #expect(questions.value == 1)
                server.cut()
                try await eventually { (try? await Self.callAll(backend)) != nil }
                let asked = questions.value
                #expect(asked <= 2)
                hasUsers.change { $0 = true }
                try await Self.callAll(backend)
                #expect(questions.value == asked + 1)
            }
        }
    }
}
