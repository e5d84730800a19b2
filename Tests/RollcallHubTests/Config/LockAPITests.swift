import HTTPEngine
import Rollcall
import RollcallHub
import RollcallTesting
import Testing

@Suite("Hub API: locks", .timeLimit(.minutes(2)), .serialized)
struct LockAPITests {
    private static func secret(_ digit: Character) -> String { String(repeating: digit, count: 32) }

    @Test("one holder at a time, with tokens that rise; asking again changes nothing")
    func holders() async throws {
        try await withHub { hub in
            let path = "/v1/locks/nightly"
            #expect(try await hub.call("GET", path).status == 404)
            let first = try await hub.call("POST", "\(path)?lease=\(Self.secret("a"))")
            let again = try await hub.call("POST", "\(path)?lease=\(Self.secret("a"))")
            #expect(first.status == 200 && again.json == first.json)
            let other = try await hub.call("POST", "\(path)?lease=\(Self.secret("b"))")
            #expect((other.status, other.code) == (409, "conflict"))
            let renewal = try await hub.call("PUT", path, headers: ["Rollcall-Lease": Self.secret("a")])
            #expect(renewal.json["ttl"] == .text("15s"))
            let foreign = try await hub.call("PUT", path, headers: ["Rollcall-Lease": Self.secret("b")])
            #expect((foreign.status, foreign.code) == (404, "leaseLost"))
            #expect(try await hub.call("DELETE", path, headers: ["Rollcall-Lease": Self.secret("b")]).status == 204)
            #expect(try await hub.call("GET", path).json["token"] == first.json["token"])
            #expect(try await hub.call("DELETE", path, headers: ["Rollcall-Lease": Self.secret("a")]).status == 204)
            let next = try await hub.call("POST", path)
            #expect(try #require(next.json["token"]?.number) > (try #require(first.json["token"]?.number)))
        }
    }

    @Test("who waits gets the lock when its holder's time is over, and who gives up leaves the queue")
    func waiting() async throws {
        try await withHub { hub in
            let path = "/v1/locks/nightly"
            _ = try await hub.call("POST", "\(path)?ttl=1s")
            let short = try await hub.call("POST", "\(path)?wait=20ms")
            #expect(short.status == 409)
            #expect(try await hub.call("GET", path).json["waiting"] == .number(0))
            let next = try await hub.call("POST", "\(path)?wait=30s")
            #expect(next.status == 200 && next.json["token"] == .number(2))
        }
    }

    @Test("a caller whose connection closes leaves the queue before the next grant")
    func hangUp() async throws {
        try await withHub { hub in
            let path = "/v1/locks/nightly"
            _ = try await hub.call("POST", "\(path)?lease=\(Self.secret("a"))")
            await withTaskGroup(of: Void.self) { group in
                group.addTask { _ = try? await hub.call("POST", "\(path)?wait=60s") }
                try? await eventually { try await hub.call("GET", path).json["waiting"] == .number(1) }
                group.cancelAll()
            }
            try await eventually { try await hub.call("GET", path).json["waiting"] == .number(0) }
            _ = try await hub.call("DELETE", path, headers: ["Rollcall-Lease": Self.secret("a")])
            #expect(try await hub.call("GET", path).status == 404)
        }
    }

    @Test("bad input is refused with the field at fault")
    func badInput() async throws {
        try await withHub { hub in
            for (method, query, field) in [
                ("POST", "?ttl=x", "ttl"), ("POST", "?ttl=0s", "ttl"), ("POST", "?wait=x", "wait"),
                ("POST", "?lease=", "lease"), ("POST", "?other=1", "other"), ("PUT", "", "Rollcall-Lease"),
                ("DELETE", "", "Rollcall-Lease"),
            ] {
                let answer = try await hub.call(method, "/v1/locks/a\(query)")
                #expect((answer.status, answer.json["field"]) == (400, .text(field)), "\(method) \(query)")
            }
            #expect(try await hub.call("GET", "/v1/locks/a*").status == 400)
        }
    }
}
