import HTTPEngine
import Rollcall

extension HubAPI {
    /// Operations on one lock.
    func lock(_ name: LockName, _ request: HubRequest) async throws {
        let place = LockTable.Place(namespace: request.namespace, name: name)
        switch request.method {
        case "POST": try await self.acquire(place, request)
        case "PUT":
            try request.checkQuery()
            let ttl = try self.store.locks.renew(place, proof: SHA256.hexadecimal(try request.requiredSecret()))
            request.respond(json: Array("{\"ttl\":\"\(ttl.text)\"}".utf8))
        case "DELETE":
            try request.checkQuery()
            try await self.store.locks.release(place, proof: SHA256.hexadecimal(try request.requiredSecret()))
            request.exchange.respond(204)
        default:
            try request.checkQuery()
            guard let holder = self.store.locks.holder(at: place) else { throw Self.free(name) }
            request.respond(json: Self.json(of: holder, name))
        }
    }

    /// Takes a lock, perhaps after waiting for it.
    private func acquire(_ place: LockTable.Place, _ request: HubRequest) async throws {
        let wish = try request.lockWish()
        let end = Signal()
        let grant = try await request.exchange.whileOpen(end: { end.raise() }) {
            try await self.store.locks.acquire(place, proof: wish.proof, ttl: wish.ttl, wait: wish.wait, end: end)
        }
        guard let grant else { throw wish.refusal(place.name) }
        request.respond(json: wish.grant(token: grant.token, ttl: grant.ttl))
    }

    /// What is said of a lock that nobody holds.
    static func free(_ name: LockName) -> BackendError {
        BackendError(.notFound, "nobody holds \(name.text.quotedForDisplay)", key: name.text)
    }

    /// Writes `{"name":…,"token":7,"waiting":0}`.
    static func json(of holder: LockHolder, _ name: LockName) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("name")
            writer.string(name.text)
            writer.key("token")
            writer.integer(holder.token)
            if let waiting = holder.waiting {
                writer.key("waiting")
                writer.integer(waiting)
            }
        }
        return writer.bytes
    }
}

/// What is asked of a lock.
struct LockWish {
    let ttl: Duration
    let wait: Duration
    private let secret: String

    init(ttl: Duration, wait: Duration, secret: String) {
        self.ttl = ttl
        self.wait = wait
        self.secret = secret
    }

    /// What the caller is known by.
    var proof: String { SHA256.hexadecimal(self.secret) }

    /// The answer to who gets it: `{"token":7,"lease":{"secret":"…","ttl":"10s"}}`.
    func grant(token: UInt64, ttl: Duration) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("token")
            writer.integer(token)
            writer.key("lease")
            writer.object { writer in
                writer.key("secret")
                writer.string(self.secret)
                writer.key("ttl")
                writer.string(ttl.text)
            }
        }
        return writer.bytes
    }

    /// What is said to who does not get it.
    func refusal(_ name: LockName) -> BackendError {
        BackendError(
            .conflict,
            self.wait > .zero
                ? "somebody else held \(name.text.quotedForDisplay) for the \(self.wait.text) of the wait"
                : "somebody else holds \(name.text.quotedForDisplay)",
            key: name.text
        )
    }
}

extension HubRequest {
    /// The longest that a call may wait for a lock, as the documentation says.
    private static let longestLockWait = Duration.seconds(300)

    /// Reads what is asked of a lock.
    ///
    /// - Throws: A ``ValidationError`` that names the parameter.
    func lockWish() throws(ValidationError) -> LockWish {
        try self.checkQuery("ttl", "wait", "lease")
        let ttl = try self.duration("ttl", default: .seconds(15))
        guard ttl > .zero else { throw ValidationError(field: "ttl", message: "must be above zero; 15s is usual") }
        let wait = min(try self.duration("wait", default: .zero), Self.longestLockWait)
        let secret = self.query["lease"] ?? RandomText.hexadecimal(words: 2)
        try HubRequest.check(secret: secret, field: "lease")
        return LockWish(ttl: ttl, wait: wait, secret: secret)
    }
}
