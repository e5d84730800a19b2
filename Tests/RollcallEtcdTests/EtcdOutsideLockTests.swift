import Foundation
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// Locks and elections of etcd's own client and of its own service, beside those of Rollcall.
@Suite(
    "etcd's own locks",
    .serialized,
    .enabled(if: EtcdCtl.skipReason == nil, Comment(rawValue: EtcdCtl.skipReason ?? "")),
    .timeLimit(.minutes(3))
)
struct EtcdOutsideLockTests {
    private let name: LockName
    private let key = "/rollcall/default/locks/job"

    init() throws {
        self.name = try LockName("job")
    }

    private func withServer(
        _ program: ServerProgram,
        _ body: (EtcdServer, EtcdBackend, EtcdCtl) async throws -> Void
    ) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd(port: server.clientPort) { backend in
                try await body(server, backend, try EtcdCtl(port: server.clientPort))
            }
        }
    }

    /// Acquires the lock beside `body`, which is shown what comes of it.
    private func acquiring(
        _ backend: EtcdBackend,
        _ body: (MutexBox<(any LockLease)?>) async throws -> Void
    ) async throws {
        let held = MutexBox<(any LockLease)?>(nil)
        try await alongside {
            let lease = try await backend.acquire(self.name, ttl: .seconds(30))
            held.change { $0 = lease }
        } _: {
            try await body(held)
        }
    }

    @Test(
        "etcdctl's lock keeps Rollcall waiting until it is let go, and the token rises",
        arguments: ServerProgram.etcd
    )
    func outsiderFirst(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            let outsider = try await ctl.start("lock", self.key)
            try await eventually { outsider.output().hasPrefix("\(self.key)/") }
            let first = try #require(try await backend.holder(of: self.name))
            try await self.acquiring(backend) { held in
                try await eventually { try await backend.holder(of: self.name)?.waiting == 1 }
                #expect(held.value == nil)
                await outsider.stop()
                try await eventually { held.value != nil }
                #expect((held.value?.token ?? 0) > first.token)
                try await held.value?.release()
            }
            #expect(try await ctl.keys(under: self.key).isEmpty)
        }
    }

    @Test(
        "Rollcall's lock keeps etcdctl waiting, and one who is killed lets it go in time",
        arguments: ServerProgram.etcd
    )
    func insiderFirst(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            let lease = try await backend.acquire(self.name, ttl: .seconds(30))
            let outsider = try await ctl.start("lock", "--ttl=2", self.key)
            try await eventually { try await backend.holder(of: self.name)?.waiting == 1 }
            #expect(outsider.output().isEmpty)
            #expect(try await backend.holder(of: self.name)?.token == lease.token)
            try await lease.release()
            try await eventually { outsider.output().hasPrefix("\(self.key)/") }
            try await self.acquiring(backend) { held in
                try await eventually { try await backend.holder(of: self.name)?.waiting == 1 }
                outsider.kill()
                try await eventually { held.value != nil }
            }
        }
    }

    @Test("a lock whose lease is revoked or whose key is deleted from outside is lost", arguments: ServerProgram.etcd)
    func lostLocks(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            for isRevoked in [true, false] {
                let lease = try await backend.acquire(self.name, ttl: .seconds(6))
                let key = try #require(try await ctl.keys(under: self.key).first)
                if isRevoked {
                    try await ctl.run("lease", "revoke", try #require(try await ctl.lease(of: key)))
                } else {
                    try await ctl.run("del", key)
                }
                let error = await #expect(throws: BackendError.self) { try await lease.keepAlive() }
                #expect(error?.code == .leaseLost)
            }
        }
    }

    @Test("who stood before and queued again under the key that he had stands behind", arguments: ServerProgram.etcd)
    func queuedAgain(_ program: ServerProgram) async throws {
        try await self.withServer(program) { server, _, ctl in
            try await ctl.run("put", "\(self.key)/1f", "")
            try await withProxy(to: server.clientPort) { proxy in
                try await withEtcd(port: proxy.port) { backend in
                    try await self.acquiring(backend) { held in
                        try await eventually { try await ctl.keys(under: self.key).count == 2 }
                        proxy.mode = .refuse
                        try await ctl.run("del", "\(self.key)/1f")
                        try await ctl.run("put", "\(self.key)/1f", "")
                        proxy.mode = .forward
                        try await eventually { held.value != nil }
                        #expect(try await backend.holder(of: self.name)?.token == held.value?.token)
                    }
                }
            }
        }
    }

    @Test("etcdctl's elections and Rollcall's are one", arguments: ServerProgram.etcd)
    func elections(_ program: ServerProgram) async throws {
        try await self.withServer(program) { _, backend, ctl in
            let outsider = try await ctl.start("elect", self.key, "outsider")
            try await eventually { outsider.output().contains("outsider") }
            let election = LeaderElection(backend: backend, name: self.name, ttl: .seconds(5))
            let isLeading = Signal()
            try await alongside {
                try await election.run { _ in
                    isLeading.raise()
                    await Signal().wait()
                }
            } _: {
                try await eventually { try await backend.holder(of: self.name)?.waiting == 1 }
                #expect(election.state == .waiting)
                await outsider.stop()
                try await eventually { isLeading.isRaised }
                let second = try await ctl.start("elect", self.key, "second")
                try await eventually { try await backend.holder(of: self.name)?.waiting == 1 }
                #expect(!second.output().contains("second"))
            }
        }
    }

    @Test("the server's own lock service and Rollcall's locks exclude each other", arguments: ServerProgram.etcd)
    func lockService(_ program: ServerProgram) async throws {
        try await self.withServer(program) { server, backend, ctl in
            let lease = try await backend.acquire(self.name, ttl: .seconds(30))
            let key = MutexBox<String?>(nil)
            try await alongside {
                let answer = try await Self.call(server, "lock", ["name": Self.base64(self.key)])
                key.change { $0 = answer["key"] as? String }
            } _: {
                try await eventually { try await backend.holder(of: self.name)?.waiting == 1 }
                #expect(key.value == nil)
                try await lease.release()
                try await eventually { key.value != nil }
            }
            try await self.acquiring(backend) { held in
                try await eventually { try await backend.holder(of: self.name)?.waiting == 1 }
                #expect(held.value == nil)
                _ = try await Self.call(server, "unlock", ["key": try #require(key.value)])
                try await eventually { held.value != nil }
            }
            _ = ctl
        }
    }

    private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    /// A call of the lock service, by JSON.
    private static func call(_ server: EtcdServer, _ method: String, _ body: [String: String]) async throws -> [String:
        Any]
    {
        let request = HTTPClient.Request(
            "POST",
            "/v3/lock/\(method)",
            at: Origin(host: "127.0.0.1", port: server.clientPort),
            fields: [],
            body: Array(try JSONSerialization.data(withJSONObject: body))
        )
        let response = try await HTTPClient().send(request, within: .seconds(20))
        let object = try JSONSerialization.jsonObject(with: Data(response.body))
        guard response.status == 200, let answer = object as? [String: Any] else {
            throw BackendError(.unavailable, "\(response.status): \(object)")
        }
        return answer
    }
}
