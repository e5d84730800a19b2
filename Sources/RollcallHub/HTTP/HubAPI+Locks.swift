import HTTPEngine
import Rollcall

extension HubAPI {
    /// The longest that a call may wait for a lock, as the documentation says.
    private static let longestLockWait = Duration.seconds(300)

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
            guard let holder = self.store.locks.holder(at: place) else {
                throw BackendError(.notFound, "nobody holds \(name.text.quotedForDisplay)", key: name.text)
            }
            request.respond(json: Self.json(of: holder, name))
        }
    }

    /// Takes a lock, perhaps after waiting for it.
    private func acquire(_ place: LockTable.Place, _ request: HubRequest) async throws {
        try request.checkQuery("ttl", "wait", "lease")
        let ttl = try request.duration("ttl", default: .seconds(15))
        guard ttl > .zero else { throw ValidationError(field: "ttl", message: "must be above zero; 15s is usual") }
        let wait = min(try request.duration("wait", default: .zero), Self.longestLockWait)
        let secret = request.query["lease"] ?? RandomText.hexadecimal(words: 2)
        try HubRequest.check(secret: secret, field: "lease")
        let end = Signal()
        let grant = try await request.exchange.whileOpen(end: { end.raise() }) {
            try await self.store.locks.acquire(
                place,
                proof: SHA256.hexadecimal(secret),
                ttl: ttl,
                wait: wait,
                end: end
            )
        }
        guard let grant else {
            throw BackendError(
                .conflict,
                wait > .zero
                    ? "somebody else held \(place.name.text.quotedForDisplay) for the \(wait.text) of the wait"
                    : "somebody else holds \(place.name.text.quotedForDisplay)",
                key: place.name.text
            )
        }
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("token")
            writer.integer(grant.token)
            writer.key("lease")
            writer.object { writer in
                writer.key("secret")
                writer.string(secret)
                writer.key("ttl")
                writer.string(grant.ttl.text)
            }
        }
        request.respond(json: writer.bytes)
    }

    private static func json(of holder: LockHolder, _ name: LockName) -> [UInt8] {
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
