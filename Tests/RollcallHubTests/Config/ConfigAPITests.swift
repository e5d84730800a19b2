import HTTPEngine
import Rollcall
import RollcallHub
import RollcallTesting
import Testing

@Suite("Hub API: configuration", .timeLimit(.minutes(2)), .serialized)
struct ConfigAPITests {
    private static let json = ["Content-Type": "application/json"]

    private static func tag(_ answer: Answer) throws -> String { try #require(answer.head.fields.first("etag")) }

    @Test("a content comes back as it was written, with version, revision, name and type")
    func roundTrip() async throws {
        try await withHub { hub in
            let written = try await hub.call(
                "PUT",
                "/v1/config/shop/limits",
                #"{"perSecond": 5}"#,
                headers: [
                    "Content-Type": "application/json; charset=utf-8", "Rollcall-Name": "Grenzwerte%20f%C3%BCr%20alle",
                ]
            )
            #expect(written.status == 200)
            #expect(written.json["version"] == .number(1))
            let read = try await hub.call("GET", "/v1/config/shop/limits")
            #expect(String(decoding: read.body, as: UTF8.self) == #"{"perSecond": 5}"#)
            #expect(read.head.fields.first("content-type") == "application/json")
            #expect(read.head.fields.first("x-content-type-options") == "nosniff")
            #expect(read.head.fields.first("content-security-policy")?.hasPrefix("sandbox") == true)
            #expect(read.head.fields.first("rollcall-version") == "1")
            #expect(read.head.fields.first("rollcall-name") == "Grenzwerte%20f%C3%BCr%20alle")
            #expect(try Self.tag(read) == Self.tag(written))
            let known = try await hub.call(
                "GET",
                "/v1/config/shop/limits",
                headers: ["If-None-Match": try Self.tag(read)]
            )
            #expect(known.status == 304)
            #expect(try await hub.call("GET", "/v1/config/shop%2Flimits").status == 200)
            #expect(try await hub.call("GET", "/v1/config//shop/limits").status == 200)
            #expect(try await hub.call("GET", "/v1/config/shop/limits?ns=other").status == 404)
            let list = try await hub.call("GET", "/v1/config?prefix=shop/")
            #expect(list.json["entries"]?[0]?["name"] == .text("Grenzwerte für alle"))
        }
    }

    @Test("preconditions: one writer wins, and the other is told what is stored")
    func preconditions() async throws {
        try await withHub { hub in
            let path = "/v1/config/a"
            let first = try await hub.call("PUT", path, "1", headers: ["If-None-Match": "*"])
            #expect(first.status == 200)
            let again = try await hub.call("PUT", path, "2", headers: ["If-None-Match": "*"])
            #expect((again.status, again.code) == (412, "conflict"))
            let tag = try Self.tag(first)
            let second = try await hub.call("PUT", path, "2", headers: ["If-Match": tag])
            #expect(second.status == 200)
            let late = try await hub.call("PUT", path, "3", headers: ["If-Match": tag])
            #expect(late.status == 412)
            #expect(late.json["currentRevision"]?.text.map { "\"\($0)\"" } == (try Self.tag(second)))
            let below = try await hub.call("PUT", path, "4", headers: ["Rollcall-Version": "2"])
            #expect((below.status, below.code) == (409, "conflict"))
            let above = try await hub.call("PUT", path, "4", headers: ["Rollcall-Version": "10"])
            #expect(above.json["version"] == .number(10))
            let gone = try await hub.call("DELETE", path, headers: ["If-Match": tag])
            #expect(gone.status == 412)
            #expect(try await hub.call("DELETE", path).json["deleted"] == .boolean(true))
            #expect(try await hub.call("DELETE", path).json["deleted"] == .boolean(false))
            #expect(try await hub.call("PUT", path, "5").json["version"] == .number(12))
        }
    }

    @Test("what is not what its type says is refused, with the place, and without what it holds")
    func formats() async throws {
        try await withHub { hub in
            for (type, text) in [
                ("application/json", #"{"secret": hunter2}"#), ("application/yaml", "a: [hunter2"),
                ("application/toml", "a = hunter2"), ("application/problem+json", "{"),
            ] {
                let answer = try await hub.call("PUT", "/v1/config/a", text, headers: ["Content-Type": type])
                #expect((answer.status, answer.code) == (400, "invalidArgument"), "\(type)")
                let detail = answer.json["detail"]?.text ?? ""
                #expect(detail.contains("line") && !detail.contains("hunter2"), "\(detail)")
            }
            #expect(try await hub.call("GET", "/v1/config/a").status == 404)
            for (type, text) in [
                ("application/yaml", "a: [1, 2]\n"), ("application/toml", "a = 1\n"), ("text/plain", "{"),
                ("application/octet-stream", "{"), ("application/x-www-form-urlencoded", "a"),
            ] {
                let answer = try await hub.call("PUT", "/v1/config/a", text, headers: ["Content-Type": type])
                #expect(answer.status == 200, "\(type)")
            }
        }
    }

    @Test("bad input is refused with the field at fault")
    func badInput() async throws {
        try await withHub { hub in
            let key = String(repeating: "k", count: 513)
            for (method, path, headers, body, field) in [
                ("GET", "/v1/config/\(key)", [:], "", "key"), ("GET", "/v1/config/a%zz", [:], "", "key"),
                ("GET", "/v1/config/a*", [:], "", "key"), ("GET", "/v1/config/a?x=1", [:], "", "x"),
                ("PUT", "/v1/config/a", ["If-Match": "17"], "1", "If-Match"),
                ("PUT", "/v1/config/a", ["If-Match": "*"], "1", "If-Match"),
                ("PUT", "/v1/config/a", ["If-None-Match": "\"1\""], "1", "If-None-Match"),
                ("PUT", "/v1/config/a", ["Rollcall-Version": "0"], "1", "Rollcall-Version"),
                ("PUT", "/v1/config/a", ["Rollcall-Version": "x"], "1", "Rollcall-Version"),
                ("PUT", "/v1/config/a", ["Rollcall-Name": "%zz"], "1", "Rollcall-Name"),
                ("PUT", "/v1/config/a", ["Content-Type": "json"], "1", "Content-Type"),
                ("PUT", "/v1/config/a", ["Rollcall-Write-Id": "1"], "1", "Rollcall-Write-Id"),
                ("POST", "/v1/config/a/rollback", [:], "", "to"), ("POST", "/v1/config/a/rollback?to=x", [:], "", "to"),
                ("PUT", "/v1/config/a/candidate", Self.json, #"{"content":"1"}"#, "audience"),
                ("PUT", "/v1/config/a/candidate", Self.json, #"{"audience":{"ids":["a"]}}"#, "content"),
                ("PUT", "/v1/config/a/candidate", Self.json, #"{"audience":{"percent":200}}"#, "audience.percent"),
                ("POST", "/v1/config-batch", Self.json, #"{"changes":[]}"#, "changes"),
                ("POST", "/v1/config-batch", Self.json, #"{"changes":[{"content":"1"}]}"#, "changes[0].key"),
                ("POST", "/v1/config-batch", Self.json, #"{"changes":[{"key":"a"}]}"#, "changes[0].content"),
                ("POST", "/v1/config-readers", Self.json, #"{"uses":{}}"#, "instance"),
                ("POST", "/v1/config-watch", Self.json, "{}", "keys"),
                ("GET", "/v1/config-watch", [:], "", "key"),
                ("GET", "/v1/config/a", ["Rollcall-Instance": "{}"], "", "Rollcall-Instance.id"),
            ] as [(String, String, [String: String], String, String)] {
                let answer = try await hub.call(method, path, body, headers: headers)
                #expect(answer.status == 400, "\(method) \(path): \(answer.status)")
                #expect(answer.json["field"] == .text(field), "\(method) \(path): \(answer.json)")
            }
            let large = try await hub.call("PUT", "/v1/config/a", bytes: [UInt8](repeating: 120, count: 1 << 20 | 1))
            #expect((large.status, large.code) == (413, "tooLarge"))
            #expect(large.json["limit"] == .number(Double(1 << 20)))
            let largest = try await hub.call("PUT", "/v1/config/a", bytes: [UInt8](repeating: 120, count: 1 << 20))
            #expect(largest.status == 200)
        }
    }

    @Test("history, a version of it, and rolling back; operations are told from keys that end like them")
    func history() async throws {
        try await withHub { hub in
            for number in 1...40 { _ = try await hub.call("PUT", "/v1/config/a", "\(number)") }
            _ = try await hub.call("DELETE", "/v1/config/a")
            let states = try await hub.call("GET", "/v1/config/a/history").json["states"]?.list ?? []
            #expect(states.count == 32)
            #expect(states.first?["deleted"] == .boolean(true))
            #expect(states.first?["version"] == .number(41) && states.last?["version"] == .number(10))
            #expect(try await hub.call("GET", "/v1/config/a/history/12").body == Array("12".utf8))
            #expect(try await hub.call("GET", "/v1/config/a/history/9").status == 404)
            #expect(try await hub.call("GET", "/v1/config/a/history/41").status == 404)
            let back = try await hub.call("POST", "/v1/config/a/rollback?to=12")
            #expect(back.json["version"] == .number(42))
            #expect(try await hub.call("GET", "/v1/config/a").body == Array("12".utf8))
            #expect(try await hub.call("POST", "/v1/config/a/rollback?to=1").status == 404)
            for key in ["x%2Fhistory", "x%2Frollback", "x%2Fcandidate", "x%2Freaders", "x/history%2F3", "history"] {
                #expect(try await hub.call("PUT", "/v1/config/\(key)", "1").status == 200, "\(key)")
            }
            #expect(try await hub.call("GET", "/v1/config?prefix=x/").json["entries"]?.list.count == 5)
        }
    }

    @Test("a batch is made whole or not at all")
    func batch() async throws {
        try await withHub { hub in
            let good = #"{"changes":[{"key":"a","content":"1","expect":"none"},{"key":"b","content":"2"}]}"#
            #expect(try await hub.call("POST", "/v1/config-batch", good, headers: Self.json).status == 200)
            let bad = #"{"changes":[{"key":"c","content":"3"},{"key":"a","content":"4","expect":"none"}]}"#
            let answer = try await hub.call("POST", "/v1/config-batch", bad, headers: Self.json)
            #expect((answer.status, answer.code) == (409, "conflict"))
            #expect(try await hub.call("GET", "/v1/config/c").status == 404)
            let twice = #"{"changes":[{"key":"c","content":"3"},{"key":"c","content":"4"}]}"#
            #expect(try await hub.call("POST", "/v1/config-batch", twice, headers: Self.json).status == 400)
            let unreadable =
                #"{"changes":[{"key":"c","content":"3"},{"key":"d","content":"{","contentType":"application/json"}]}"#
            #expect(try await hub.call("POST", "/v1/config-batch", unreadable, headers: Self.json).status == 400)
            #expect(try await hub.call("GET", "/v1/config").json["entries"]?.list.count == 2)
        }
    }

    @Test("a write that is sent again under its name is made once")
    func writeIDs() async throws {
        try await withHub { hub in
            let headers = ["Rollcall-Write-Id": "00112233445566778899aabbccddeeff", "If-None-Match": "*"]
            let first = try await hub.call("PUT", "/v1/config/a", "1", headers: headers)
            let second = try await hub.call("PUT", "/v1/config/a", "1", headers: headers)
            #expect(second.status == 200)
            #expect(second.json == first.json)
            _ = try await hub.call("PUT", "/v1/config/a", "2")
            let third = try await hub.call("PUT", "/v1/config/a", "1", headers: headers)
            #expect(third.json == first.json)
            #expect(try await hub.call("GET", "/v1/config/a").body == Array("2".utf8))
        }
    }

    @Test("some instances see a candidate, and who runs what is listed")
    func candidates() async throws {
        try await withHub { hub in
            _ = try await hub.call("PUT", "/v1/config/a", "old")
            let proposal = #"{"content":"new","audience":{"zones":["x"]}}"#
            let candidate = try await hub.call("PUT", "/v1/config/a/candidate", proposal, headers: Self.json)
            #expect(candidate.json["version"] == .number(2))
            let inside = ["Rollcall-Instance": #"{"id":"web-1","zone":"x"}"#]
            #expect(try await hub.call("GET", "/v1/config/a", headers: inside).body == Array("new".utf8))
            #expect(try await hub.call("GET", "/v1/config/a").body == Array("old".utf8))
            for (id, zone, version) in [("web-1", "x", 1), ("web-2", "y", 1)] {
                let report = #"{"instance":{"id":"\#(id)","zone":"\#(zone)"},"uses":{"a":\#(version)}}"#
                #expect(try await hub.call("POST", "/v1/config-readers", report, headers: Self.json).status == 204)
            }
            let readers = try await hub.call("GET", "/v1/config/a/readers").json
            #expect(readers["current"] == .number(1) && readers["total"] == .number(2))
            #expect(readers["readers"]?[0]?["expected"] == .number(2))
            let kept = try await hub.call("DELETE", "/v1/config/a/candidate")
            #expect(kept.json["version"] == .number(3))
            #expect(try await hub.call("POST", "/v1/config/a/candidate/promote").status == 404)
        }
    }
}
