import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallHub

@Suite("Configuration, locks and the rest through hubs in front of an engine", .timeLimit(.minutes(1)))
struct FrontStorageTests {
    @Test("what is written through one hub is read, compared and told by the other")
    func configuration() async throws {
        try await withFronts { hubs in
            let json = ["Content-Type": "application/json"]
            let written = try await hubs[0].call("PUT", "/v1/config/shop/limits", #"{"max":1}"#, headers: json)
            let tag = try #require(written.tag)
            #expect(written.status == 200)
            let read = try await hubs[1].call("GET", "/v1/config/shop/limits")
            #expect(read.text == #"{"max":1}"# && read.tag == tag)
            #expect(try await hubs[1].call("GET", "/v1/config?prefix=shop/").json["entries"]?.list.count == 1)
            try await hubs[1].stream("GET", "/v1/config-watch?key=shop/limits&key=none") { stream in
                _ = try await stream.next("absent")
                #expect(try await stream.next("entry").json["version"]?.number == 1)
                try await stream.comment()
                let match = json.merging(["If-Match": tag]) { old, _ in old }
                let next = try await hubs[0].call("PUT", "/v1/config/shop/limits", #"{"max":2}"#, headers: match)
                #expect(next.status == 200)
                #expect(try await stream.next("entry").json["version"]?.number == 2)
                let late = try await hubs[1].call("PUT", "/v1/config/shop/limits", #"{"max":3}"#, headers: match)
                #expect(late.status == 412)
                #expect(late.json["currentRevision"]?.text.map { "\"\($0)\"" } == next.tag)
                #expect(try await hubs[1].call("DELETE", "/v1/config/shop/limits").json["deleted"] == .boolean(true))
                _ = try await stream.next("absent")
            }
            let broken = try await hubs[0].call("PUT", "/v1/config/a", "{", headers: json)
            #expect(broken.status == 400 && broken.text.contains("the content is not stored"))
            let batch = #"{"changes":[{"key":"a","content":"1"},{"key":"b","content":"2","expect":"none"}]}"#
            #expect(try await hubs[0].call("POST", "/v1/config-batch", batch).status == 200)
            #expect(try await hubs[1].call("POST", "/v1/config-batch", batch).status == 409)
            let large = String(repeating: "x", count: 1 << 20 + 1)
            let one = #"{"changes":[{"key":"a","content":"\#(large)"}]}"#
            #expect(try await hubs[0].call("POST", "/v1/config-batch", one).status == 413)
        }
    }

    @Test("a lock is held through one hub, and free once its client lets go or is silent")
    func locks() async throws {
        try await withFronts { hubs in
            let path = "/v1/locks/nightly"
            let first = try await hubs[0].call("POST", path + "?ttl=2s&lease=ann")
            let again = try await hubs[0].call("POST", path + "?ttl=2s&lease=ann")
            #expect(first.status == 200 && first.json["token"] == again.json["token"])
            #expect(try await hubs[1].call("POST", path + "?ttl=2s&lease=bob").status == 409)
            #expect(try await hubs[1].call("POST", path + "?ttl=2s&lease=bob&wait=100ms").status == 409)
            #expect(try await hubs[1].call("GET", path).json["token"] == first.json["token"])
            let ann = ["Rollcall-Lease": "ann"]
            #expect(try await hubs[0].call("PUT", path, headers: ann).json["ttl"] == .text("2s"))
            // Nobody renews: the hub lets go of it, although it renews in the engine itself.
            let second = try await hubs[1].call("POST", path + "?ttl=60s&lease=bob&wait=20s")
            let tokens = [first, second].compactMap { $0.json["token"]?.number }
            #expect(tokens.count == 2 && tokens[0] < tokens[1])
            #expect(try await hubs[0].call("PUT", path, headers: ann).code == "leaseLost")
            for _ in 0..<2 {
                #expect(try await hubs[1].call("DELETE", path, headers: ["Rollcall-Lease": "bob"]).status == 204)
            }
            #expect(try await hubs[0].call("GET", path).status == 404)
        }
    }

    @Test(
        "what an engine does not carry is 501",
        arguments: [
            ("GET", "/v1/services/web/checks", ""), ("GET", "/v1/config/a/history", ""),
            ("GET", "/v1/config/a/history/1", ""), ("POST", "/v1/config/a/rollback?to=1", ""),
            ("GET", "/v1/config/a/candidate", ""), ("GET", "/v1/config/a/readers", ""),
            ("POST", "/v1/config/a/candidate/promote", ""), ("POST", "/v1/config-readers", "{}"),
            ("GET", "/v1/config-watch?prefix=a", ""), ("GET", "/v1/backup", ""),
            ("POST", "/services", #"{"Name":"a","Addr":"127.0.0.1:1"}"#),
        ]
    )
    func unsupported(_ method: String, _ target: String, _ body: String) async throws {
        try await withFronts(1) { hubs in
            let answer = try await hubs[0].call(method, target, body)
            #expect(answer.status == 501 && answer.code == "unsupported", "\(answer)")
        }
    }

    @Test("the status says what is served, by what the engine can")
    func features() async throws {
        try await withFronts(1) { hubs in
            let status = try await hubs[0].call("GET", "/v1/status").json
            let features = ["services", "watch", "catalog", "config", "config-batch", "locks"]
            #expect(status["features"]?.list.compactMap(\.text) == features)
            #expect(status["capabilities"]?["ttl"]?.list.compactMap(\.text) == ["100ms", "24h"])
            #expect(status["capabilities"]?["config"]?["maximumBytes"]?.number == 1 << 20)
            #expect(try await hubs[0].call("GET", "/metrics").text.contains("rollcall_hub_engine_reachable"))
            #expect(try await hubs[0].call("GET", "/").text.contains("<html"))
            #expect(try await hubs[0].call("GET", "/v1/catalog/service/web").status == 200)
        }
        try await withFronts(1) { registry, namespace in
            FragileEngine(base: MemoryBackend(registry: registry, namespace: namespace), isAway: MutexBox(false))
        } _: { hubs in
            let status = try await hubs[0].call("GET", "/v1/status").json
            #expect(status["features"]?.list.compactMap(\.text) == ["services", "watch", "catalog"])
            for (method, target) in [("GET", "/v1/config"), ("GET", "/v1/config/a"), ("POST", "/v1/locks/a")] {
                #expect(try await hubs[0].call(method, target).status == 501)
            }
        }
    }
}
