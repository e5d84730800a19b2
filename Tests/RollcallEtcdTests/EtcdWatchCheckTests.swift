import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// Watches that say nothing are asked, or checked against a list (C10).
@Suite("Checks of etcd's watches", .serialized, .timeLimit(.minutes(2)))
struct EtcdWatchCheckTests {
    /// What a stand-in of etcd was asked.
    private struct Asked {
        var statuses = 0
        var lists = 0
        var watches = 0
        var progress = 0
    }

    private static var configuration: EtcdBackend.Configuration {
        var configuration = EtcdBackend.Configuration()
        configuration.watchCheckInterval = .milliseconds(50)
        return configuration
    }

    private func withFake(
        isMute: Bool,
        revision: Int64 = 6,
        timeout: Duration = .seconds(5),
        _ body: (EtcdBackend, MutexBox<Asked>) async throws -> Void
    ) async throws {
        let asked = MutexBox(Asked())
        var configuration = Self.configuration
        configuration.timeout = timeout
        try await FakeGRPCServer.withServer { call in
            switch (call.method, call.message) {
            case ("Maintenance/Status", _):
                asked.change { $0.statuses += 1 }
                call.answer(EtcdReply.status(revision: revision))
            case ("KV/Range", _):
                asked.change { $0.lists += 1 }
                call.answer(EtcdReply.records(5))
            case ("Watch/Watch", EtcdWatchRequest.progress):
                asked.change { $0.progress += 1 }
                if !isMute { call.send(EtcdReply.watch(5)) }
            case ("Watch/Watch", _):
                asked.change { $0.watches += 1 }
                call.send(EtcdReply.watch(5, isCreated: true))
            default: call.end(12, "no such method here")
            }
        } _: { server in
            try await withEtcd(port: server.port, configuration) { backend in try await body(backend, asked) }
        }
    }

    @Test("one that answers goes on")
    func answering() async throws {
        try await self.withFake(isMute: false) { backend, asked in
            try await watching(backend) { snapshots in
                try await eventually { asked.value.progress >= 3 }
                #expect(asked.value.watches == 1)
                #expect(snapshots.value.allSatisfy { $0.freshness == .live })
            }
        }
    }

    @Test("one behind whose beginning nothing changed is not asked")
    func idle() async throws {
        try await self.withFake(isMute: true, revision: 5) { backend, asked in
            try await watching(backend) { snapshots in
                try await eventually { asked.value.statuses >= 20 }
                #expect(asked.value.progress == 0)
                #expect(asked.value.watches == 1)
                #expect(snapshots.value.allSatisfy { $0.freshness == .live })
            }
        }
    }

    @Test("one that does not answer is checked against lists from then on, without a word to who watches")
    func mute() async throws {
        try await self.withFake(isMute: true, timeout: .seconds(1)) { backend, asked in
            try await watching(backend) { snapshots in
                try await eventually { asked.value.lists >= 5 }
                #expect(asked.value.progress >= 4)
                #expect(backend.capabilities.verifiedWatch)
                #expect(snapshots.value.allSatisfy { $0.freshness == .live })
                // The server's version alone says nothing else.
                _ = await backend.health()
                #expect(backend.capabilities.verifiedWatch)
            }
        }
    }

    @Test(
        "a real server answers, and one that loses events is asked for a list instead",
        .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
        arguments: ServerProgram.etcd
    )
    func real(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            let loses = EtcdVersion(program.version).losesEvents
            let call =
                loses
                ? #"grpc_method="Range",grpc_service="etcdserverpb.KV",grpc_type="unary""#
                : #"grpc_method="Watch",grpc_service="etcdserverpb.Watch",grpc_type="bidi_stream""#
            let series = "grpc_server_msg_received_total{\(call)}"
            try await withEtcd(port: server.clientPort, Self.configuration) { backend in
                try await watching(backend) { snapshots in
                    try await eventually { snapshots.value.last?.freshness == .live }
                    #expect(backend.capabilities.verifiedWatch == loses)
                    // Before anything changed behind its beginning, a server says nothing of a watch.
                    _ = try await backend.write(
                        ConfigDraft(ConfigContent("x")),
                        to: try ConfigKey("other"),
                        expecting: .any
                    )
                    let before = try await server.metric(series)
                    try await eventually { try await server.metric(series) >= before + 5 }
                    _ = try await backend.register(try sample("one"), ttl: .seconds(60))
                    try await eventually { snapshots.value.isLive(with: "one") }
                    #expect(snapshots.value.allSatisfy { $0.freshness == .live })
                }
            }
        }
    }
}
