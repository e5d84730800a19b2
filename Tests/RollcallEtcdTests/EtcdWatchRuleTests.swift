import GRPCEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// What watches make of servers that break them, forget and count anew.
@Suite("Rules of etcd's driver: watches", .timeLimit(.minutes(2)))
struct EtcdWatchRuleTests {
    /// What the stand-in of etcd holds, and what it was asked.
    private struct Store {
        var records: [EtcdRecord] = []
        var revision: Int64 = 5
        var lists = 0
        var watches: [FakeGRPCServer.Call] = []
        var tokens = 0
    }

    /// Runs a stand-in of etcd that holds one range of keys.
    private func withStore(
        _ configuration: EtcdBackend.Configuration = EtcdBackend.Configuration(),
        opening: @escaping @Sendable (FakeGRPCServer.Call, Int64) -> Void = { call, revision in
            call.send(EtcdReply.watch(revision, isCreated: true))
        },
        _ body: (EtcdBackend, MutexBox<Store>, FakeGRPCServer) async throws -> Void
    ) async throws {
        let store = MutexBox(Store())
        try await FakeGRPCServer.withServer { call in
            switch call.method {
            case "Maintenance/Status": call.answer(EtcdReply.status())
            case "KV/Range":
                store.change { $0.lists += 1 }
                call.answer(EtcdReply.records(store.value.revision, store.value.records))
            case "Watch/Watch":
                store.change { $0.watches.append(call) }
                opening(call, store.value.revision)
            default: call.end(12, "no such method here")
            }
        } _: { server in
            try await withEtcd(port: server.port, configuration) { backend in try await body(backend, store, server) }
        }
    }

    @Test("a content of the same revision that another store holds is told")
    func sameRevision() async throws {
        let key = try ConfigKey("shop/limits")
        try await self.withStore { backend, store, server in
            let path = backend.keys.path(key.text)
            store.change { $0.records = [EtcdRecord(path, "one", at: 5)] }
            try await watching(backend, key) { texts in
                try await eventually { texts.value == ["1 one"] && store.value.watches.count == 1 }
                store.change { $0.records = [EtcdRecord(path, "two", at: 5)] }
                server.cut()
                try await eventually { texts.value == ["1 one", "1 two"] && store.value.watches.count == 2 }
                // The same again is no news.
                let lists = store.value.lists
                server.cut()
                try await eventually { store.value.lists > lists && store.value.watches.count == 3 }
                #expect(texts.value == ["1 one", "1 two"])
            }
        }
    }

    @Test("a watch that the server ends goes on from where it was, on the same connection without a new list")
    func resumption() async throws {
        try await self.withStore { backend, store, server in
            try await watching(backend) { snapshots in
                try await eventually { store.value.watches.count == 1 && snapshots.value.last?.freshness == .live }
                store.value.watches.first?.end()
                try await eventually { store.value.watches.count == 2 }
                try await eventually { snapshots.value.last?.freshness == .live }
                #expect(store.value.lists == 1)
                #expect(server.connectionCount == 1)
                let stale = snapshots.value.filter { $0.freshness != .live }
                #expect(stale.count == 1)
            }
        }
    }

    @Test("a server that ends each watch at once is asked less and less often")
    func brokenWatches() async throws {
        try await self.withStore(opening: { call, _ in call.end(14, "etcdserver: unknown trouble") }) {
            backend,
            store,
            _ in
            let clock = ContinuousClock()
            let start = clock.now
            try await watching(backend) { _ in
                try await eventually(within: .seconds(60)) { store.value.watches.count >= 8 }
            }
            // Pauses grow from attempt to attempt, about 5 s in all, which a list that succeeds in between does not end:
            // it were a third of a second else.
            #expect(clock.now - start > .milliseconds(700))
        }
    }

    @Test("a watch that is refused for want of rights ends, and one that is refused otherwise is tried again")
    func refusals() async throws {
        for (reason, isFinal) in [("etcdserver: permission denied", true), ("etcdserver: watcher trouble", false)] {
            let refusal = { @Sendable (call: FakeGRPCServer.Call, revision: Int64) in
                var writer = ProtobufWriter()
                writer.message(1) { writer in
                    writer.integer(1, 1)
                    writer.integer(3, revision)
                }
                writer.boolean(3, true)
                writer.boolean(4, true)
                writer.string(6, reason)
                call.send(writer.bytes)
            }
            let service = try ServiceName("web")
            try await self.withStore(opening: refusal) { backend, store, _ in
                let ended = MutexBox<BackendError.Code?>(nil)
                try await alongside {
                    do throws(BackendError) {
                        try await backend.watch(service) { _ in }
                    } catch {
                        ended.change { $0 = error.code }
                    }
                } _: {
                    try await eventually { isFinal ? ended.value != nil : store.value.watches.count >= 3 }
                    #expect(ended.value == (isFinal ? .permissionDenied : nil))
                }
            }
        }
    }

    @Test("a server that says goodbye ends its watches, which go on over a new connection")
    func goodbye() async throws {
        try await self.withStore { backend, store, server in
            try await watching(backend) { snapshots in
                try await eventually { store.value.watches.count == 1 && snapshots.value.last?.freshness == .live }
                server.sayGoodbye()
                store.value.watches.first?.end(14, "the server stops")
                store.change { store in
                    store.records = [EtcdRecord("\(backend.layout.root)web/x".utf8, "{", at: 6)]
                    store.revision = 6
                }
                try await eventually { store.value.watches.count == 2 && snapshots.value.last?.freshness == .live }
                #expect(store.value.lists == 2)
                #expect(server.connectionCount == 2)
            }
        }
    }
}
