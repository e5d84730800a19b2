import HTTPEngine
import Rollcall

extension FrontAPI {
    /// Operations on one lock.
    func lock(_ name: LockName, _ request: HubRequest, _ space: FrontSpace) async throws {
        guard let locks = space.locks else { throw self.unsupported("locks are", space) }
        switch request.method {
        case "POST":
            let wish = try request.lockWish()
            let end = Signal()
            let grant = try await request.exchange.whileOpen(end: { end.raise() }) {
                try await locks.acquire(name, proof: wish.proof, ttl: wish.ttl, wait: wish.wait, end: end)
            }
            guard let grant else { throw wish.refusal(name) }
            request.respond(json: wish.grant(token: grant.token, ttl: grant.ttl))
        case "PUT":
            try request.checkQuery()
            let ttl = try await locks.renew(name, proof: SHA256.hexadecimal(try request.requiredSecret()))
            request.respond(json: Array("{\"ttl\":\"\(ttl.text)\"}".utf8))
        case "DELETE":
            try request.checkQuery()
            try await locks.release(name, proof: SHA256.hexadecimal(try request.requiredSecret()))
            request.exchange.respond(204)
        default:
            try request.checkQuery()
            guard let holder = try await locks.engine.holder(of: name) else { throw HubAPI.free(name) }
            request.respond(json: HubAPI.json(of: holder, name))
        }
    }
}
