import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallHub

@Suite("Services through hubs in front of an engine", .timeLimit(.minutes(1)))
struct FrontServiceTests {
    @Test("what one hub registers another shows, renews, changes and ends")
    func leases() async throws {
        try await withFronts { hubs in
            let secret = try await hubs[0].register("a", query: "?ttl=30s")
            #expect(try await hubs[1].call("GET", "/v1/services/web").ids == ["a"])
            let holder = ["Rollcall-Lease": secret]
            let renewed = try await hubs[1].call("PUT", "/v1/services/web/instances/a/lease", headers: holder)
            #expect(renewed.status == 200 && renewed.json["ttl"] == .text("30s"))
            let batch =
                #"{"leases":[{"service":"web","id":"a","secret":"\#(secret)"},"#
                + #"{"service":"web","id":"b","secret":"none"}]}"#
            let results = try await hubs[1].call("POST", "/v1/leases/renew", batch).json["results"]?.list
            #expect(results?.compactMap { $0["status"]?.number } == [200, 404])
            try await hubs[1].register("a", #"{"endpoints":["http://127.0.0.1:9"]}"#, headers: holder)
            let changed = try await hubs[0].call("GET", "/v1/services/web/instances/a").json
            #expect(changed["endpoints"]?.list == [.text("http://127.0.0.1:9")])
            let amended = try await hubs[1].call("PATCH", "/v1/services/web/instances/a", #"{"weight":0}"#)
            #expect(amended.json["weight"]?.number == 0)
            for _ in 0..<2 {
                #expect(try await hubs[1].call("DELETE", "/v1/services/web/instances/a", headers: holder).status == 204)
            }
            #expect(try await hubs[0].call("GET", "/v1/services/web").ids.isEmpty)
            let late = try await hubs[0].call("PUT", "/v1/services/web/instances/a/lease", headers: holder)
            #expect(late.status == 404 && late.code == "leaseLost")
        }
    }

    @Test("a hub with another key takes no lease of this one, and an engine may tie leases to their hub")
    func otherKeys() async throws {
        try await withFronts(keys: [SealingKey(), SealingKey()]) { hubs in
            let holder = ["Rollcall-Lease": try await hubs[0].register("a")]
            let path = "/v1/services/web/instances/a/lease"
            #expect(try await hubs[0].call("PUT", path, headers: holder).status == 200)
            #expect(try await hubs[1].call("PUT", path, headers: holder).code == "leaseLost")
        }
        let away = MutexBox(false)
        try await withFronts { registry, namespace in
            FragileEngine(base: MemoryBackend(registry: registry, namespace: namespace), isAway: away)
        } _: { hubs in
            let holder = ["Rollcall-Lease": try await hubs[0].register("a")]
            let path = "/v1/services/web/instances/a/lease"
            #expect(try await hubs[0].call("PUT", path, headers: holder).status == 200)
            #expect(try await hubs[1].call("PUT", path, headers: holder).code == "leaseLost")
        }
    }

    @Test("streams of both hubs tell the same, each with revisions of its own")
    func streams() async throws {
        try await withFronts { hubs in
            let secret = try await hubs[0].register("a")
            for hub in hubs {
                try await hub.stream("GET", "/v1/watch?service=web&names=true") { stream in
                    #expect(try await stream.next("services").names == ["web"])
                    let first = try await stream.next("snapshot")
                    #expect(first.ids == ["a"])
                    try await stream.comment()
                    try await hubs[0].register("b")
                    let change = try await stream.next("delta").json
                    #expect(change["from"] == first.json["revision"])
                    #expect(change["upserts"]?.list.compactMap { $0["id"]?.text } == ["b"])
                    _ = try await hubs[0].call("DELETE", "/v1/services/web/instances/b")
                    let removed = try await stream.next("delta").json["removed"]?.list
                    #expect(removed?.compactMap { $0["reason"]?.text } == ["deregistered"])
                }
            }
            _ = secret
        }
    }

    @Test("a stream of a pattern is told of services that come later")
    func patterns() async throws {
        try await withFronts(1) { hubs in
            let hub = hubs[0]
            try await hub.register("a", of: "team-a")
            try await hub.register("x", of: "other")
            try await hub.stream("GET", "/v1/watch?service=team-*") { stream in
                #expect(try await stream.next("snapshot").service == "team-a")
                try await stream.comment()
                try await hub.register("b", of: "team-b")
                let event = try #require(try await stream.event())
                #expect(event.service == "team-b")
            }
            #expect(try await hub.call("GET", "/v1/services?prefix=team").json["services"]?.list.count == 2)
        }
    }

    @Test("a poll waits for a change, and answers at once for what is new already")
    func polls() async throws {
        try await withFronts(1) { hubs in
            let hub = hubs[0]
            try await hub.register("a")
            let first = try await hub.call("GET", "/v1/services/web")
            let (revision, epoch) = (try #require(first.revision), try #require(first.epoch))
            let target = "/v1/services/web?wait=20s&revision=\(revision)&epoch=\(epoch)"
            async let waiting = hub.call("GET", target)
            try await eventually { hub.server.watchCount == 1 }
            try await hub.register("b")
            #expect(try await waiting.ids == ["a", "b"])
            #expect(try await hub.call("GET", target).ids == ["a", "b"])
            let known = try await hub.call("GET", "/v1/services/web", headers: ["If-None-Match": waiting.tag ?? ""])
            #expect(known.status == 304)
            let elsewhere = "/v1/services/web?wait=20s&revision=\(revision)&epoch=other&tag=blue"
            #expect(try await hub.call("GET", elsewhere).ids.isEmpty)
            let brief = try await hub.call("GET", "/v1/services/no?wait=50ms&revision=\(revision + 9)&epoch=\(epoch)")
            #expect(brief.status == 200)
        }
    }

    @Test("namespaces are apart, and of too many the one that nobody used for longest makes room")
    func namespaces() async throws {
        try await withFronts(1) { hubs in
            let hub = hubs[0]
            try await hub.register("a", query: "?ns=shop")
            #expect(try await hub.call("GET", "/v1/services/web").ids.isEmpty)
            #expect(try await hub.call("GET", "/v1/services/web?ns=shop").ids == ["a"])
            for number in 0..<(FrontHub.maximumSpaces + 9) {
                #expect(try await hub.call("GET", "/v1/services?ns=n\(number)").status == 200)
            }
            let count = try await hub.call("GET", "/v1/status").json["counts"]?["namespaces"]?.number
            #expect(count == FrontHub.maximumSpaces)
            #expect(try await hub.call("GET", "/v1/services/web?ns=shop").ids == ["a"])
        }
    }

    @Test("what the engine no longer tells of one service is shown to nobody as if it were, though the engine is well")
    func brokenWatch() async throws {
        let broken = MutexBox(true)
        try await withFronts(1) { registry, namespace in
            let base = MemoryBackend(registry: registry, namespace: namespace)
            return FragileEngine(base: base, isAway: broken, isWell: true)
        } _: { hubs in
            let hub = hubs[0]
            try await eventually { try await hub.call("GET", "/readyz").status == 200 }
            // Nothing that is true was told yet.
            #expect(try await hub.call("GET", "/v1/watch?service=web").status == 503)
            broken.change { $0 = false }
            try await hub.stream("GET", "/v1/watch?service=web") { stream in
                _ = try await stream.next("snapshot")
                broken.change { $0 = true }
                while try await stream.element() != nil {}
            }
            #expect(try await hub.call("GET", "/readyz").status == 200)
            #expect(try await hub.call("GET", "/v1/watch?service=web").status == 503)
        }
    }

    @Test("without its engine a hub ends its streams and says so, until the engine is back")
    func away() async throws {
        let away = MutexBox(false)
        try await withFronts(1) { registry, namespace in
            FragileEngine(base: MemoryBackend(registry: registry, namespace: namespace), isAway: away)
        } _: { hubs in
            let hub = hubs[0]
            try await eventually { try await hub.call("GET", "/readyz").status == 200 }
            try await hub.stream("GET", "/v1/watch?service=web") { stream in
                _ = try await stream.next("snapshot")
                away.change { $0 = true }
                while try await stream.element() != nil {}
            }
            let refused = try await hub.call("GET", "/v1/watch?service=web")
            #expect(refused.status == 503 && refused.text.contains("nobody there"))
            #expect(try await hub.call("GET", "/readyz").status == 503)
            #expect(try await hub.call("GET", "/livez").status == 200)
            let status = try await hub.call("GET", "/v1/status").json
            #expect(status["backend"]?["isReachable"] == .boolean(false))
            away.change { $0 = false }
            try await eventually(within: .seconds(20)) { try await hub.call("GET", "/readyz").status == 200 }
            _ = try await hub.stream("GET", "/v1/watch?service=web") { try await $0.next("snapshot") }
        }
    }
}
