import Foundation
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

/// What the driver makes of agents that answer late, badly or for somebody else.
@Suite("Agents that answer otherwise", .timeLimit(.minutes(2)))
struct FakeAgentsTests {
    /// Runs two agents, and a driver that knows both.
    private func withAgents(
        timeout: Duration = .seconds(5),
        _ first: @escaping HTTPServer.Handler,
        _ second: @escaping HTTPServer.Handler,
        _ body: @escaping @Sendable (ConsulBackend) async throws -> Void
    ) async throws {
        let server = try HTTPServer(host: "127.0.0.1", port: 0, handler: first)
        var configuration = ConsulBackend.Configuration()
        configuration.timeout = timeout
        try await alongside {
            await server.run()
        } _: {
            try await withFakeConsul(configuration, before: ["127.0.0.1:\(server.address.port)"], second, body)
        }
    }

    @Test("a question that waits has its whole time, however many agents there are")
    func waiting() async throws {
        let waits = MutexBox<[Duration]>([])
        let agent: HTTPServer.Handler = { exchange in
            guard exchange.parameters?["index"] != nil, let text = exchange.parameters?["wait"] else {
                return exchange.answer("[]", index: 5)
            }
            let wait = try Duration(text: text, field: "wait")
            try? await ContinuousClock().sleep(for: wait)
            if exchange.head.path.hasPrefix("/v1/health/") { waits.change { $0.append(wait) } }
            exchange.answer("[]", index: 5)
        }
        try await self.withAgents(timeout: .milliseconds(500), agent, agent) { backend in
            let snapshots = MutexBox<[ServiceSnapshot]>([])
            try await alongside {
                _ = try? await backend.watch(ServiceName.trusting("web")) { new in snapshots.change { $0.append(new) } }
            } _: {
                // Waits grow: this one is longer than the share of one of two agents would be.
                try await eventually(within: .seconds(60)) { waits.value.contains { $0 > .milliseconds(1700) } }
                #expect(snapshots.value.count == 1 && snapshots.value.first?.freshness == .live)
            }
        }
    }

    @Test("one that cannot tell is passed over, and what it was told to change is asked of nobody else")
    func useless() async throws {
        let (asked, changed) = (Tally(), Tally())
        try await self.withAgents { exchange in
            asked.add()
            exchange.answer("No known Consul servers", status: 500)
        } _: { exchange in
            if exchange.head.method == "PUT" { changed.add() }
            exchange.answer("[]", index: 1)
        } _: { backend in
            let key = try ConfigKey("a")
            await #expect(throws: BackendError.self) {
                try await backend.transact([KeyValueOperation(.checkAbsence, "a")], "test", nil)
            }
            #expect(asked.value == 1 && changed.value == 0)
            for _ in 0..<3 { #expect(try await backend.entry(for: key) == nil) }
            // Whoever answered is asked first from then on.
            #expect(asked.value == 2)
        }
    }

    @Test("a registration whose lease the agent does not renew is withdrawn")
    func withdrawal() async throws {
        let (calls, nonce) = (MutexBox<[String]>([]), MutexBox(""))
        var configuration = ConsulBackend.Configuration()
        configuration.layout = .goServiceLink
        try await withFakeConsul(configuration) { exchange in
            let path = String(exchange.head.path)
            calls.change { $0.append(path) }
            if path.hasPrefix("/v1/agent/check/pass/") { return exchange.answer("slow", status: 429) }
            if path == "/v1/agent/service/web-1" {
                return exchange.answer(#"{"ID":"web-1","Meta":{"rollcall-lease":"\#(nonce.value)"}}"#)
            }
            if path == "/v1/agent/service/register" {
                let body = String(decoding: try await exchange.readBody(limit: 1 << 20), as: UTF8.self)
                let text = body.split(separator: #""rollcall-lease":""#).last?.prefix { $0 != "\"" }
                nonce.change { $0 = text.map(String.init) ?? "" }
            }
            exchange.answer("")
        } _: { backend in
            let instance = try ServiceInstance.sample("web-1")
            let error = await #expect(throws: BackendError.self) {
                _ = try await backend.register(instance, ttl: .seconds(10))
            }
            #expect(error?.applied == .no)
            #expect(!nonce.value.isEmpty)
            #expect(calls.value.last == "/v1/agent/service/deregister/web-1", "\(calls.value)")
        }
    }

    @Test("answers that cannot be read are asked for less and less often")
    func rubbish() async throws {
        let asked = Tally()
        try await withFakeConsul { exchange in
            guard exchange.head.path.hasPrefix("/v1/health/") else {
                if exchange.parameters?["index"] != nil { await exchange.keepWaiting() }
                return exchange.answer("[]", index: 1)
            }
            asked.add()
            exchange.answer(#"[{"Service":1}]"#, index: UInt64(asked.value))
        } _: { backend in
            let clock = ContinuousClock()
            let start = clock.now
            try await alongside {
                _ = try? await backend.watch(ServiceName.trusting("web")) { _ in }
            } _: {
                try await eventually(within: .seconds(60)) { asked.value >= 8 }
            }
            // Pauses grow from attempt to attempt, about 5 s in all; without that it were a third of a second.
            #expect(clock.now - start > .milliseconds(700))
        }
    }

    @Test("an empty answer out of which rights took something is no empty service")
    func filtered() async throws {
        try await withFakeConsul { exchange in
            guard exchange.head.path.hasPrefix("/v1/health/") else { return exchange.answer("[]", index: 1) }
            let headers = [
                Problem.Header("X-Consul-Index", "7"), Problem.Header("X-Consul-Results-Filtered-By-ACLs", "true"),
            ]
            exchange.respond(200, "application/json", headers: headers, body: Array("[]".utf8))
        } _: { backend in
            let web = try ServiceName("web")
            let error = await #expect(throws: BackendError.self) { _ = try await backend.instances(of: web) }
            #expect(error?.code == .permissionDenied)
            let end = await #expect(throws: BackendError.self) { try await backend.watch(web) { _ in } }
            #expect(end?.code == .permissionDenied)
        }
    }

    @Test("a token file that cannot be read for a while leaves the token in use, until that is refused")
    func tokenFile() throws {
        let folder = try TemporaryFolder()
        let clock = ManualClock()
        try folder.write("first\n", to: "token")
        let store = CredentialStore(.init(tokenFile: folder.path + "/token"), clock: TimeSource(clock))
        #expect(try store.fields().map(\.value) == ["first"])
        try FileManager.default.removeItem(atPath: folder.path + "/token")
        clock.advance(by: .seconds(11))
        #expect(try store.fields().map(\.value) == ["first"])
        store.distrust()
        #expect(throws: BackendError.self) { try store.fields() }
        try folder.write("second\n", to: "token")
        #expect(try store.fields().map(\.value) == ["second"])
    }
}
