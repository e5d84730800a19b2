import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite("The driver and answers of Consul", .serialized, .timeLimit(.minutes(2)))
struct FakeConsulTests {
    private static func record(_ id: String) -> String {
        #"{"Node":{"Node":"n"},"Service":{"ID":"\#(id)","Service":"web","Address":"h","Port":1},"Checks":[]}"#
    }

    @Test(
        "rubbish instead of an answer names the field and crashes nothing",
        arguments: [
            ("", ""), ("<html>", ""), ("{}", ""), ("7", ""), ("[7]", "[0]"), ("[{}]", "[0].Service.ID"),
            (#"[{"Service":{"ID":7}}]"#, "[0].Service.ID"), (#"[{"Service":[]}]"#, "[0].Service"),
            (#"[{"Service":{"ID":"a","Port":"x"}}]"#, "[0].Service.Port"),
            (#"[{"Service":{"ID":"a","Meta":{"k":1}}}]"#, "[0].Service.Meta.k"),
            (#"[{"Service":{"ID":"a","CreateIndex":-1}}]"#, "[0].Service.CreateIndex"),
        ]
    )
    func rubbish(_ body: String, _ field: String) async throws {
        try await withFakeConsul { exchange in
            exchange.answer(exchange.head.path.hasPrefix("/v1/kv/") ? "[]" : body)
        } _: { backend in
            let web = try ServiceName("web")
            let error = await #expect(throws: BackendError.self) { _ = try await backend.instances(of: web) }
            #expect(error?.code == .protocolViolation)
            #expect((error?.cause as? ValidationError)?.field == field, "\(String(describing: error))")
        }
    }

    @Test("a lease that runs out before the catalog shows its record is renewed until it does")
    func lateCatalog() async throws {
        let (registration, passes) = (MutexBox(""), Tally())
        try await withFakeConsul { exchange in
            let path = exchange.head.path
            if path == "/v1/agent/service/register" {
                let body = String(decoding: try await exchange.readBody(limit: 1 << 20), as: UTF8.self)
                registration.change { $0 = body }
                return exchange.answer("")
            }
            if path.hasPrefix("/v1/agent/check/pass/") {
                passes.add()
                return exchange.answer("")
            }
            guard path.hasPrefix("/v1/health/") else { return exchange.answer("[]", index: 1) }
            let sent = registration.value
            let check = try #require(sent.firstMatch(of: /rollcall-lease-[0-9a-f]+/)).output
            // The first renewal is that of the registration.
            let state =
                passes.value < 3 ? #""Status":"critical","Output":"TTL expired""# : #""Status":"passing","Output":"""#
            let service = sent.replacingFirst("\"Name\":", with: "\"Service\":")
            let record = #"{"Node":{"Node":"n"},"Service":\#(service),"Checks":[{"CheckID":"\#(check)",\#(state)}]}"#
            exchange.answer("[\(record)]", index: 5)
        } _: { backend in
            let lease = try await backend.register(.sample(), ttl: .seconds(1))
            #expect(lease.ttl == .seconds(1))
            #expect(passes.value == 3)
        }
    }

    @Test("a watch follows the index by every rule, and shows only what is new")
    func indexRules() async throws {
        let asked = MutexBox<[String?]>([])
        let seen = MutexBox<[String]>([])
        try await withFakeConsul { exchange in
            guard exchange.head.path.hasPrefix("/v1/health/") else {
                if exchange.parameters?["index"] != nil { await exchange.keepWaiting() }
                return exchange.answer("", index: 1, status: 404)
            }
            // Of states that come before anybody saw the former one only the last is shown: the next one waits for that.
            switch asked.value.count {
            case 1: try await eventually { seen.value.last == "a" }
            case 4: try await eventually { seen.value.last == "b" }
            case 6: try await eventually { seen.value.last == "b?" }
            default: break
            }
            asked.change { $0.append(exchange.parameters?["index"]) }
            switch asked.value.count {
            case 1: exchange.answer("[\(Self.record("a"))]", index: 100)
            case 2: exchange.answer("[]", index: 100)
            case 3: exchange.answer("[\(Self.record("a"))]", index: 101)
            case 4: exchange.answer("[\(Self.record("b"))]", index: 5)
            case 5: exchange.answer("[\(Self.record("b"))]", index: 0)
            case 6: exchange.answer("No cluster leader", status: 500)
            case 7: exchange.answer("[\(Self.record("c"))]", index: 9)
            default: await exchange.keepWaiting()
            }
        } _: { backend in
            let web = try ServiceName("web")
            try await alongside {
                _ = try? await backend.watch(web) { snapshot in
                    let isLive = snapshot.freshness == .live
                    seen.change { $0.append(snapshot.instances.map(\.id.text).joined() + (isLive ? "" : "?")) }
                }
            } _: {
                try await eventually { seen.value.last == "c" && asked.value.count >= 8 }
            }
            // Nothing is shown for the same index, whatever comes with it.
            #expect(seen.value.filter { !$0.hasSuffix("?") } == ["a", "b", "c"])
            #expect(seen.value.contains("b?"))
            #expect(asked.value.prefix(8) == [nil, "100", "100", "101", nil, "1", nil, "9"])
        }
    }

    @Test("wrong credentials end a watch at once, with one question", arguments: [true, false])
    func noStorm(_ isUnknown: Bool) async throws {
        let count = Tally()
        let text = isUnknown ? "ACL not found" : "Permission denied: token with AccessorID 'x' lacks 'service:read'"
        try await withFakeConsul { exchange in
            guard exchange.head.path.hasPrefix("/v1/health/") else { return exchange.answer("[]", index: 1) }
            count.add()
            exchange.answer(text, status: 403)
        } _: { backend in
            let web = try ServiceName("web")
            let error = await #expect(throws: BackendError.self) { try await backend.watch(web) { _ in } }
            #expect(error?.code == (isUnknown ? .unauthenticated : .permissionDenied))
            #expect(count.value == 1)
        }
    }

    @Test("who may not read keys sees instances without amendments")
    func noKeys() async throws {
        try await withFakeConsul { exchange in
            guard exchange.head.path.hasPrefix("/v1/health/") else {
                return exchange.answer("Permission denied: token with AccessorID 'x' lacks 'key:list'", status: 403)
            }
            if exchange.parameters?["index"] != nil { await exchange.keepWaiting() }
            exchange.answer("[\(Self.record("a"))]", index: 2)
        } _: { backend in
            let web = try ServiceName("web")
            #expect(try await backend.instances(of: web).instances.count == 1)
            let seen = Tally()
            try await alongside {
                _ = try? await backend.watch(web) { _ in seen.add() }
            } _: {
                try await eventually { seen.value == 1 }
            }
        }
    }

    @Test("many watches ask for amendments once, and another goes on when the one that asks ends")
    func sharedFeed() async throws {
        let waiting = MutexBox(0)
        try await withFakeConsul { exchange in
            let isFeed = exchange.head.path.hasPrefix("/v1/kv/")
            guard exchange.parameters?["index"] != nil else { return exchange.answer("[]", index: 3) }
            if isFeed { waiting.change { $0 += 1 } }
            await exchange.keepWaiting()
            if isFeed { waiting.change { $0 -= 1 } }
        } _: { backend in
            let tasks = Tally()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<10 {
                    let service = try ServiceName("s\(number)")
                    group.addTask { _ = try? await backend.watch(service) { _ in tasks.add() } }
                }
                try await eventually { tasks.value == 10 && waiting.value == 1 }
                try await alongside {
                    _ = try? await backend.watch(ServiceName.trusting("late")) { _ in tasks.add() }
                } _: {
                    try await eventually { tasks.value == 11 }
                    group.cancelAll()
                    try await group.waitForAll()
                    try await eventually { waiting.value == 1 }
                }
            }
            try await eventually { waiting.value == 0 }
        }
    }

    @Test("reading goes to the next agent, registering never does")
    func failover() async throws {
        let refusing = try RefusingPort.reserve()
        let count = Tally()
        try await withFakeConsul(before: ["127.0.0.1:\(refusing)"]) { exchange in
            if exchange.head.path.hasPrefix("/v1/agent/") { count.add() }
            exchange.answer("[]")
        } _: { backend in
            let instance = try ServiceInstance.sample()
            for _ in 0..<3 { #expect(try await backend.instances(of: instance.service).instances.isEmpty) }
            let error = await #expect(throws: BackendError.self) {
                _ = try await backend.register(instance, ttl: .seconds(10))
            }
            #expect(error?.code == .unavailable && error?.applied == .no)
            #expect(count.value == 0)
        }
    }

    @Test("a token goes along, and a file with it is read anew once it was refused")
    func tokens() async throws {
        let folder = try TemporaryFolder()
        let file = folder.path + "/token"
        try folder.write("first\n", to: "token")
        var configuration = ConsulBackend.Configuration()
        configuration.credentials = .init(tokenFile: file, user: "ann", password: "ö:pw")
        let seen = MutexBox<[String]>([])
        try await withFakeConsul(configuration) { exchange in
            let token = exchange.head.fields.first(named: "X-Consul-Token") ?? "-"
            seen.change { $0.append(token + " " + (exchange.head.fields.first(named: "Authorization") ?? "-")) }
            if token == "first" { return exchange.answer("ACL not found", status: 403) }
            exchange.answer("[]")
        } _: { backend in
            let key = try ConfigKey("a")
            let error = await #expect(throws: BackendError.self) { _ = try await backend.entry(for: key) }
            #expect(error?.code == .unauthenticated)
            #expect(error.map { "\($0)".contains("first") } == false)
            try folder.write("  second ", to: "token")
            #expect(try await backend.entry(for: key) == nil)
            #expect(seen.value == ["first Basic YW5uOsO2OnB3", "second Basic YW5uOsO2OnB3"])
            try folder.write("a b", to: "token")
            let other = try ConsulBackend(url: "consul://a?token-file=\(file)")
            let bad = await #expect(throws: BackendError.self) { _ = try await other.entry(for: key) }
            #expect(bad?.code == .unauthenticated)
            #expect(bad.map { "\($0)".contains("a b") } == false)
        }
    }

    @Test("a write whose answer is lost is settled by what is stored, and not sent again", arguments: [true, false])
    func lostAnswer(_ isStored: Bool) async throws {
        let stored = MutexBox<String?>(nil)
        let writes = Tally()
        var configuration = ConsulBackend.Configuration()
        configuration.timeout = .milliseconds(400)
        try await withFakeConsul(configuration) { exchange in
            guard exchange.head.method == "PUT" else {
                guard let value = stored.value else { return exchange.answer("", index: 1, status: 404) }
                let key = "rollcall/default/config/a"
                return exchange.answer(#"[{"Key":"\#(key)","Value":"\#(value)","ModifyIndex":77}]"#, index: 77)
            }
            let body = String(decoding: try await exchange.readBody(limit: 1 << 20), as: UTF8.self)
            writes.add()
            let value = body.split(separator: "\"Value\":\"").last?.prefix { $0 != "\"" }
            if isStored { stored.change { $0 = value.map(String.init) } }
            await exchange.keepWaiting()
        } _: { backend in
            let draft = ConfigDraft(ConfigContent("x"), name: "n")
            let key = try ConfigKey("a")
            do {
                let entry = try await backend.write(draft, to: key, expecting: .absent)
                #expect(isStored)
                #expect(entry.revision.text == "77" && entry.version == 1 && entry.content.text == "x")
            } catch let error as BackendError {
                #expect(!isStored)
                #expect(error.code == .timeout && error.applied == .unknown)
            }
            #expect(writes.value == 1)
        }
    }

    @Test("too many questions: the driver waits as long as it is told")
    func rateLimit() async throws {
        let count = Tally()
        try await withFakeConsul { exchange in
            count.add()
            exchange.respond(
                429,
                "text/plain",
                headers: [Problem.Header("Retry-After", "3600")],
                body: Array("slow".utf8)
            )
        } _: { backend in
            let key = try ConfigKey("a")
            let error = await #expect(throws: BackendError.self) { _ = try await backend.entry(for: key) }
            #expect(error?.code == .unavailable && error?.retryAfter == .seconds(3600))
            try await alongside {
                _ = try? await backend.watch(key) { _ in }
            } _: {
                try await eventually { count.value == 2 }
                try await ContinuousClock().sleep(for: .milliseconds(300))
            }
            #expect(count.value == 2)
        }
    }
}
