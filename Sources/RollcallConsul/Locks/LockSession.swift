import HTTPEngine
import Rollcall

/// A session that holds a lock, or waits for it.
struct LockSession: Hashable {
    /// Its id.
    let id: String
    /// When it was made, or the last renewal began that Consul took.
    var renewedAt: TimeSource.Instant

    /// Whether it is time to renew it.
    func isDue(at now: TimeSource.Instant, ttl: Duration) -> Bool {
        self.renewedAt.duration(to: now) >= ttl / 4
    }
}

extension ConsulBackend {
    /// Makes a session for a lock.
    ///
    /// It has no ties to the health of a node: its time-to-live alone ends it. What it holds is deleted with it.
    func createSession(for name: LockName, ttl: Duration) async throws(BackendError) -> LockSession {
        let began = self.clock.now
        let body = Self.sessionDocument(name, ttl: ttl, lockDelay: self.configuration.lockDelay ?? ttl / 3)
        let answer = try await self.uncancelled { () async throws(BackendError) in
            try await self.calls.send(
                ConsulCall(
                    method: "PUT",
                    path: "/v1/session/create",
                    operation: "acquire",
                    key: name.text,
                    body: body
                )
            )
        }
        let id = try ConsulCalls.reading("acquire", name.text) { () throws(ValidationError) in
            try Self.sessionID(in: answer.body)
        }
        return LockSession(id: id, renewedAt: began)
    }

    static func sessionDocument(_ name: LockName, ttl: Duration, lockDelay: Duration) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("Name", "rollcall lock \(name)")
            writer.member("TTL", ttl.consulText)
            writer.member("LockDelay", min(lockDelay, .seconds(60)).consulText)
            writer.member("Behavior", "delete")
            writer.key("NodeChecks")
            writer.array { _ in }
        }
        return writer.bytes
    }

    static func sessionID(in json: [UInt8]) throws(ValidationError) -> String {
        var id: String?
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            if name == "ID" { id = try reader.string() } else { try reader.skip() }
        }
        try reader.end()
        // It becomes part of paths.
        guard let id, !id.isEmpty, id.utf8.allSatisfy({ $0.isPlainAlphanumeric || $0 == UInt8(ascii: "-") }) else {
            throw ValidationError(field: "ID", message: "is missing or no id of a session")
        }
        return id
    }

    /// Renews a session; returns `nil` when it is over.
    func renewed(_ session: LockSession) async throws(BackendError) -> LockSession? {
        let began = self.clock.now
        let answer = try await self.calls.send(
            ConsulCall(
                method: "PUT",
                path: "/v1/session/renew/\(session.id)",
                operation: "renew",
                isRenewal: true,
                accepted: [404]
            )
        )
        return answer.status == 404 ? nil : LockSession(id: session.id, renewedAt: began)
    }

    /// Ends a session; nothing happens when it is over already.
    func destroySession(_ id: String, _ name: String) async throws(BackendError) {
        _ = try await self.calls.send(
            ConsulCall(
                method: "PUT",
                path: "/v1/session/destroy/\(id)",
                operation: "release",
                key: name,
                accepted: [404]
            )
        )
    }
}
