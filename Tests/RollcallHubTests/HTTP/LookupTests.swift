import HTTPEngine
import Rollcall
import RollcallHub
import RollcallTesting
import Testing

@Suite("Hub API: looking up and polling", .timeLimit(.minutes(2)), .serialized)
struct LookupTests {
    @Test("an unknown service is an empty list, an unknown instance is not found")
    func unknown() async throws {
        try await withHub { hub in
            let answer = try await hub.call("GET", "/v1/services/nobody")
            #expect(answer.status == 200)
            #expect(
                answer.json == .object(["service": .text("nobody"), "revision": .number(0), "instances": .list([])])
            )
            #expect(answer.revision == 0)
            let instance = try await hub.call("GET", "/v1/services/nobody/instances/x")
            #expect((instance.status, instance.code) == (404, "notFound"))
        }
    }

    @Test("services are listed by name with counts by status, those that begin with a prefix alone if wished")
    func services() async throws {
        try await withHub { hub in
            #expect(try await hub.call("GET", "/v1/services").json == .object(["services": .list([])]))
            try await hub.register("1", of: "web")
            try await hub.register("2", of: "web", #"{"endpoints":["http://127.0.0.1:1"],"status":"critical"}"#)
            try await hub.register("1", of: "auth")
            try await hub.register("1", of: "webhooks")
            let all = try await hub.call("GET", "/v1/services")
            #expect(all.json["services"]?.list.compactMap { $0["service"]?.text } == ["auth", "web", "webhooks"])
            #expect(all.json["services"]?[1]?["passing"] == .number(1))
            #expect(all.json["services"]?[1]?["critical"] == .number(1))
            let some = try await hub.call("GET", "/v1/services?prefix=web")
            #expect(some.json["services"]?.list.compactMap { $0["service"]?.text } == ["web", "webhooks"])
            let known = try await hub.call("GET", "/v1/services", headers: ["If-None-Match": try #require(all.tag)])
            #expect(known.status == 304)
            try await hub.register("3", of: "auth")
            let newer = try await hub.call("GET", "/v1/services", headers: ["If-None-Match": try #require(all.tag)])
            #expect(newer.status == 200)
        }
    }

    @Test(
        "filters",
        arguments: [
            ("status=passing", ["a", "b", "d"]), ("status=passing&status=maintenance", ["a", "b", "c", "d"]),
            ("status=critical&status=maintenance&tag=new", ["c"]), ("status=maintenance", ["c"]),
            ("tag=blue", ["a", "c"]),
            ("tag=blue&tag=new", ["c"]), ("zone=x", ["a"]), ("version=^1.2", ["a", "b"]),
            ("version=*", ["a", "b", "c"]),
            ("version=%3E%3D1.3+%3C2.1", ["b", "c"]), ("metadata.team=shop", ["b"]), ("metadata.team=nobody", []),
            ("metadata.a.b=1", ["d"]), ("status=passing&tag=blue", ["a"]), ("status=passing&zone=y", ["b"]),
            ("wait=1ms", ["a", "b", "c", "d"]),
        ] as [(String, [String])]
    )
    func filters(_ query: String, _ ids: [String]) async throws {
        try await withHub { hub in
            let base = #""endpoints":["http://127.0.0.1:1"]"#
            try await hub.register("a", #"{\#(base),"version":"1.2.3","tags":["blue"],"zone":"x"}"#)
            try await hub.register("b", #"{\#(base),"version":"1.9.0","zone":"y","metadata":{"team":"shop"}}"#)
            try await hub.register("c", #"{\#(base),"version":"2.0.0","tags":["new","blue"],"status":"maintenance"}"#)
            try await hub.register("d", #"{\#(base),"metadata":{"a.b":"1"}}"#)
            let answer = try await hub.call("GET", "/v1/services/web?" + query)
            #expect(answer.status == 200)
            #expect(answer.ids == ids)
            #expect(answer.revision == 4, "the revision is the service's, whatever the filter")
        }
    }

    @Test("a tag answers 304 until the service changes, in every form that HTTP has for it")
    func tags() async throws {
        try await withHub { hub in
            try await hub.register("a")
            try await hub.register("x", of: "other")
            let answer = try await hub.call("GET", "/v1/services/web")
            let tag = try #require(answer.tag)
            #expect(tag == "\"\(hub.server.store.epoch).1\"")
            for form in [tag, "W/" + tag, "\"none\", " + tag, "\"none\",W/" + tag] {
                let known = try await hub.call("GET", "/v1/services/web", headers: ["If-None-Match": form])
                #expect(known.status == 304)
                #expect(known.body.isEmpty)
                #expect(known.tag == tag)
            }
            try await hub.register("y", of: "other")
            #expect(try await hub.call("GET", "/v1/services/web", headers: ["If-None-Match": tag]).status == 304)
            try await hub.register("b")
            let changed = try await hub.call("GET", "/v1/services/web", headers: ["If-None-Match": tag])
            #expect(changed.status == 200)
            #expect(changed.revision == 4)
        }
    }

    @Test("HEAD is GET without the body")
    func head() async throws {
        try await withHub { hub in
            try await hub.register("a")
            for path in ["/v1/services", "/v1/services/web", "/v1/services/web/instances/a", "/livez", "/v1/status"] {
                let get = try await hub.call("GET", path)
                let head = try await hub.call("HEAD", path)
                #expect(head.status == get.status)
                #expect(head.body.isEmpty)
                #expect(head.head.fields.first("content-length") == get.head.fields.first("content-length"))
            }
        }
    }

    @Test("a poll waits for the next change of its service, not for another's")
    func poll() async throws {
        try await withHub { hub in
            try await hub.register("a")
            try await withThrowingTaskGroup(of: Answer.self) { group in
                group.addTask { try await hub.call("GET", "/v1/services/web?wait=20s&revision=1") }
                try await eventually { hub.server.store.watchCount == 1 }
                try await hub.register("x", of: "other")
                #expect(hub.server.store.watchCount == 1)
                try await hub.register("b")
                let answer = try #require(try await group.next())
                #expect(answer.revision == 3)
                #expect(answer.ids == ["a", "b"])
            }
            #expect(hub.server.store.watchCount == 0)
        }
    }

    @Test("a poll that names an older or a higher revision, or another epoch, is answered at once")
    func pollAtOnce() async throws {
        try await withHub { hub in
            try await hub.register("a")
            try await hub.register("b")
            let epoch = hub.server.store.epoch
            let clock = ContinuousClock()
            let start = clock.now
            for query in [
                "revision=0", "revision=1", "revision=3", "revision=99999999999", "revision=2&epoch=other",
                "revision=1&epoch=\(epoch)", "revision=3&epoch=\(epoch)",
            ] {
                let answer = try await hub.call("GET", "/v1/services/web?wait=60s&" + query)
                #expect(answer.ids == ["a", "b"])
            }
            #expect(start.duration(to: clock.now) < .seconds(20))
        }
    }

    @Test("a poll without a change ends with its wait, and answers what there is")
    func pollTimeOut() async throws {
        try await withHub { hub in
            try await hub.register("a")
            let clock = ContinuousClock()
            let start = clock.now
            let target = "/v1/services/web?wait=300ms&revision=1&epoch=\(hub.server.store.epoch)"
            let answer = try await hub.call("GET", target)
            #expect(answer.revision == 1)
            #expect(start.duration(to: clock.now) >= .milliseconds(290))
            let tag = try #require(answer.tag)
            let same = try await hub.call("GET", target, headers: ["If-None-Match": tag])
            #expect(same.status == 304)
        }
    }

    @Test("a poll of a service that nobody knows waits for its first instance")
    func pollUnknown() async throws {
        try await withHub { hub in
            try await withThrowingTaskGroup(of: Answer.self) { group in
                group.addTask { try await hub.call("GET", "/v1/services/web?wait=20s&revision=0&tag=blue") }
                try await eventually { hub.server.store.watchCount == 1 }
                try await hub.register("a", #"{"endpoints":["http://127.0.0.1:1"],"tags":["blue"]}"#)
                #expect(try await group.next()?.ids == ["a"])
            }
        }
    }

    @Test("a poll whose client leaves is forgotten")
    func pollLeft() async throws {
        try await withHub { hub in
            let connection = try await hub.connect()
            let text = "GET /v1/services/web?wait=60s&revision=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            try await connection.socket.write(Array(text.utf8), until: nil)
            try await eventually { hub.server.store.watchCount == 1 }
            connection.socket.close()
            try await eventually { hub.server.store.watchCount == 0 }
        }
    }

    @Test("operation: alive, ready, state, metrics, console")
    func operation() async throws {
        try await withHub { hub in
            try await hub.register("a")
            _ = try await hub.call("GET", "/v1/services/web")
            #expect(try await hub.call("GET", "/livez").text == "ok\n")
            #expect(try await hub.call("GET", "/readyz").text == "ok\n")
            let status = try await hub.call("GET", "/v1/status")
            #expect(status.json["epoch"] == .text(hub.server.store.epoch))
            #expect(status.json["counts"]?["instances"] == .number(1))
            #expect(status.json["version"] == .text(RollcallVersion.text))
            #expect(status.text.contains(#""writable":true"#))
            let metrics = try await hub.call("GET", "/metrics").text
            for line in ["instances 1", "services 1", "watches 0", "registrations_total 1", "lookups_total 1"] {
                #expect(metrics.contains("\nrollcall_hub_\(line)\n"))
            }
            for line in metrics.split(separator: "\n") where !line.hasPrefix("#") {
                let name = line.prefix { $0 != " " }
                #expect(metrics.contains("# TYPE \(name) ") && metrics.contains("# HELP \(name) "))
            }
            #expect(try await hub.call("GET", "/").status == 200)
        }
    }
}
