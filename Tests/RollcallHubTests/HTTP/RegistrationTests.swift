import HTTPEngine
import Rollcall
import RollcallHub
import RollcallTesting
import Testing

@Suite("Hub API: registering and leases", .timeLimit(.minutes(2)), .serialized)
struct RegistrationTests {
    private static let web1 = "/v1/services/web/instances/web-1"
    private static let minimal = #"{"endpoints":["http://127.0.0.1:8080"]}"#

    @Test("a registration answers with what is stored, the lease, and the revision")
    func register() async throws {
        try await withHub { hub in
            let body = """
                {"schema":1,"service":"web","id":"web-1","endpoints":["http://10.0.0.7:8080","grpc://10.0.0.7:9090"],
                 "version":"1.4.2","zone":"a","weight":7,"tags":["blue"],"metadata":{"team":"shop"},
                 "status":"warning","unknown":[{"deep":null}]}
                """
            let answer = try await hub.call("PUT", Self.web1 + "?ttl=30s", body)
            #expect(answer.status == 200)
            let instance = try #require(answer.json["instance"])
            #expect(instance["version"] == .text("1.4.2"))
            #expect(instance["zone"] == .text("a"))
            #expect(instance["weight"] == .number(7))
            #expect(instance["endpoints"]?[1] == .text("grpc://10.0.0.7:9090"))
            #expect(instance["metadata"] == .object(["team": .text("shop")]))
            #expect(instance["status"] == .text("warning"))
            #expect(answer.json["lease"]?["ttl"] == .text("30s"))
            #expect(answer.json["lease"]?["secret"]?.text?.count == 32)
            #expect(answer.json["revision"]?.number == answer.revision)
            #expect(try await hub.call("GET", Self.web1).json == instance)
            #expect(try await hub.call("GET", "/v1/services/web").json["instances"]?[0] == instance)
        }
    }

    @Test(
        "a time-to-live outside what is granted is clamped",
        arguments: [("", "10s"), ("?ttl=1ms", "1s"), ("?ttl=0.2s", "1s"), ("?ttl=90m", "90m"), ("?ttl=200h", "24h")]
    )
    func ttl(_ query: String, _ granted: String) async throws {
        try await withHub { hub in
            let answer = try await hub.call("PUT", Self.web1 + query, Self.minimal)
            #expect(answer.json["lease"]?["ttl"] == .text(granted))
        }
    }

    @Test("renewing keeps an instance beyond its time-to-live, and without it the instance expires")
    func renew() async throws {
        try await withHub { hub in
            let secret = try await hub.register("web-1", query: "?ttl=1s")
            try await hub.register("web-2", query: "?ttl=1s")
            try await eventually {
                let answer = try await hub.call("PUT", Self.web1 + "/lease", headers: ["Rollcall-Lease": secret])
                #expect(answer.status == 200)
                #expect(answer.json == .object(["ttl": .text("1s")]))
                return try await hub.call("GET", "/v1/services/web").ids == ["web-1"]
            }
            #expect(try await hub.call("GET", "/v1/services/web/instances/web-2").code == "notFound")
        }
    }

    @Test("a lease that the hub does not know is not found; without the secret nothing is asked")
    func unknownLease() async throws {
        try await withHub { hub in
            let lost = try await hub.call("PUT", Self.web1 + "/lease", headers: ["Rollcall-Lease": "nobody"])
            #expect((lost.status, lost.code) == (404, "leaseLost"))
            let missing = try await hub.call("PUT", Self.web1 + "/lease")
            #expect((missing.status, missing.code, missing.field) == (400, "invalidArgument", "Rollcall-Lease"))
            let long = try await hub.call(
                "PUT",
                Self.web1 + "/lease",
                headers: ["Rollcall-Lease": String(repeating: "s", count: 513)]
            )
            #expect((long.status, long.field) == (400, "Rollcall-Lease"))
        }
    }

    @Test("registering an id again displaces its former lease")
    func replace() async throws {
        try await withHub { hub in
            let former = try await hub.register("web-1")
            let secret = try await hub.register("web-1", #"{"endpoints":["http://127.0.0.1:9090"]}"#)
            let late = try await hub.call("PUT", Self.web1 + "/lease", headers: ["Rollcall-Lease": former])
            #expect((late.status, late.code) == (409, "displaced"))
            let update = try await hub.call("PUT", Self.web1, Self.minimal, headers: ["Rollcall-Lease": former])
            #expect((update.status, update.code) == (409, "displaced"))
            let gone = try await hub.call("DELETE", Self.web1, headers: ["Rollcall-Lease": former])
            #expect(gone.status == 204)
            #expect(
                try await hub.call("GET", Self.web1).json["endpoints"]?[0] == .text("http://127.0.0.1:9090"),
                "the end of a lease that is over ends nothing"
            )
            let renewal = try await hub.call("PUT", Self.web1 + "/lease", headers: ["Rollcall-Lease": secret])
            #expect(renewal.status == 200)
        }
    }

    @Test("the holder replaces what it registered and keeps its lease, time-to-live and time of registration")
    func update() async throws {
        try await withHub { hub in
            let secret = try await hub.register("web-1", query: "?ttl=20s")
            let before = try await hub.call("GET", Self.web1).json
            let answer = try await hub.call(
                "PUT",
                Self.web1,
                #"{"endpoints":["http://127.0.0.1:8081"],"tags":["new"]}"#,
                headers: ["Rollcall-Lease": secret]
            )
            #expect(answer.status == 200)
            #expect(answer.json["lease"] == .object(["secret": .text(secret), "ttl": .text("20s")]))
            #expect(answer.json["instance"]?["registeredAt"] == before["registeredAt"])
            #expect(try await hub.call("GET", Self.web1).json["tags"]?[0] == .text("new"))
        }
    }

    @Test("what an instance requires is answered with its registration, an unknown service as an empty list")
    func required() async throws {
        try await withHub { hub in
            try await hub.register("log-1", of: "log")
            try await hub.register("log-2", of: "log")
            let body = #"{"endpoints":["http://127.0.0.1:8080"],"requires":["log","mail"]}"#
            let answer = try await hub.call("PUT", Self.web1, body)
            let required = try #require(answer.json["required"])
            #expect(required["log"]?.list.compactMap { $0["id"]?.text } == ["log-1", "log-2"])
            #expect(required["mail"] == .list([]))
        }
    }

    @Test("amendments change what everybody sees and outlast the holder's own updates")
    func amend() async throws {
        try await withHub { hub in
            let body = #"{"endpoints":["http://127.0.0.1:8080"],"metadata":{"a":"1","b":"2"}}"#
            let secret = try await hub.register("web-1", body)
            let change = #"{"status":"maintenance","weight":0,"tags":["drained"],"metadata":{"a":null,"c":"3"}}"#
            let answer = try await hub.call("PATCH", Self.web1, change)
            #expect(answer.status == 200)
            for seen in [answer.json, try await hub.call("GET", Self.web1).json] {
                #expect(seen["status"] == .text("maintenance"))
                #expect(seen["weight"] == .number(0))
                #expect(seen["tags"] == .list([.text("drained")]))
                #expect(seen["metadata"] == .object(["b": .text("2"), "c": .text("3")]))
            }
            _ = try await hub.call("PUT", Self.web1, body, headers: ["Rollcall-Lease": secret])
            #expect(try await hub.call("GET", Self.web1).json["status"] == .text("maintenance"))
            try await hub.register("web-1", body)
            #expect(try await hub.call("GET", Self.web1).json["status"] == .text("passing"))
            let nobody = try await hub.call("PATCH", "/v1/services/web/instances/nobody", change)
            #expect((nobody.status, nobody.code) == (404, "notFound"))
        }
    }

    @Test("the holder deregisters without a tombstone, and may say so again")
    func deregister() async throws {
        try await withHub { hub in
            let secret = try await hub.register("web-1")
            for _ in 0..<2 {
                let answer = try await hub.call("DELETE", Self.web1, headers: ["Rollcall-Lease": secret])
                #expect(answer.status == 204)
                #expect(answer.body.isEmpty)
            }
            let late = try await hub.call("PUT", Self.web1 + "/lease", headers: ["Rollcall-Lease": secret])
            #expect((late.status, late.code) == (404, "leaseLost"))
        }
    }

    @Test("whom somebody else took out is told so, and cannot come back with the old lease")
    func tombstone() async throws {
        try await withHub { hub in
            let secret = try await hub.register("web-1")
            for _ in 0..<2 { #expect(try await hub.call("DELETE", Self.web1).status == 204) }
            let held = ["Rollcall-Lease": secret]
            for (method, path, body) in [("PUT", Self.web1 + "/lease", ""), ("PUT", Self.web1, Self.minimal)] {
                let late = try await hub.call(method, path, body, headers: held)
                #expect((late.status, late.code) == (409, "removed"))
            }
            try await hub.register("web-1")
            let late = try await hub.call("PUT", Self.web1 + "/lease", headers: held)
            #expect((late.status, late.code) == (409, "removed"), "also when another process has the id now")
        }
    }

    @Test("a batch renews what lives and says of each of the others why not")
    func batch() async throws {
        try await withHub { hub in
            let live = try await hub.register("web-1")
            let displaced = try await hub.register("web-2")
            try await hub.register("web-2")
            let removed = try await hub.register("web-3")
            _ = try await hub.call("DELETE", "/v1/services/web/instances/web-3")
            let leases = [("web-1", live), ("web-2", displaced), ("web-3", removed), ("web-4", "nobody")]
                .map { #"{"service":"web","id":"\#($0)","secret":"\#($1)"}"# }.joined(separator: ",")
            let answer = try await hub.call("POST", "/v1/leases/renew", "{\"leases\":[\(leases)]}")
            #expect(answer.status == 200)
            let results = answer.json["results"]?.list ?? []
            #expect(results.map { $0["id"]?.text } == ["web-1", "web-2", "web-3", "web-4"])
            #expect(results.map { $0["status"]?.number } == [200, 409, 409, 404])
            #expect(results.map { $0["code"]?.text } == [nil, "displaced", "removed", "leaseLost"])
            #expect(try await hub.call("POST", "/v1/leases/renew", #"{"leases":[]}"#).json["results"] == .list([]))
        }
    }

    @Test("namespaces keep services apart; the query goes before the header")
    func namespaces() async throws {
        try await withHub { hub in
            let header = ["Rollcall-Namespace": "blue"]
            let secret = try await hub.register("in-blue", headers: header)
            try await hub.register("in-green", query: "?ns=green")
            try await hub.register("in-default")
            #expect(try await hub.call("GET", "/v1/services/web").ids == ["in-default"])
            #expect(try await hub.call("GET", "/v1/services/web?ns=default").ids == ["in-default"])
            #expect(try await hub.call("GET", "/v1/services/web?ns=blue").ids == ["in-blue"])
            #expect(try await hub.call("GET", "/v1/services/web", headers: header).ids == ["in-blue"])
            #expect(try await hub.call("GET", "/v1/services/web?ns=green", headers: header).ids == ["in-green"])
            let path = "/v1/services/web/instances/in-blue/lease"
            #expect(try await hub.call("PUT", path, headers: ["Rollcall-Lease": secret]).code == "leaseLost")
            let renewal = try await hub.call("PUT", path + "?ns=blue", headers: ["Rollcall-Lease": secret])
            #expect(renewal.status == 200)
        }
    }

    @Test(
        "any legal name is carried by percent-encoding",
        arguments: ["a/b", "a b", "größe", "%41", "a?b#c", "..", ".", "日本", "+", "a&b=c", "'\"\\"]
    )
    func names(_ name: String) async throws {
        try await withHub { hub in
            let encoded = PercentEncoding.encode(name)
            try await hub.register(encoded, of: encoded, query: "?ns=" + encoded)
            let answer = try await hub.call("GET", "/v1/services/\(encoded)?ns=\(encoded)")
            #expect(answer.json["service"] == .text(name))
            #expect(answer.ids == [name])
            #expect(try await hub.call("GET", "/v1/services?ns=" + encoded).json["services"]?.list.count == 1)
        }
    }
}
