import Foundation
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

/// Records exactly as other programs write them, and what those read of Rollcall's.
@Suite(
    "Layouts in a real Consul",
    .serialized,
    .timeLimit(.minutes(3)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
)
struct RealLayoutTests {
    /// What a program on go-service-link sends to register, with a time-to-live of 10 s.
    private static func goRegistration(_ id: String, http: String = "8080", grpc: String = "") -> String {
        """
        {"ID":"\(id)","Name":"web","Port":\(http.isEmpty ? "0" : http),"Address":"10.0.0.9","Meta":{"grpc_port":"\(grpc)",
        "host":"10.0.0.9","hostname":"go","http_port":"\(http)"},
        "Check":{"TTL":"11s","DeregisterCriticalServiceAfter":"20s"},"Checks":null}
        """
    }

    /// What a program on go-service-link sees: the ids that pass.
    private func passing(_ consul: RealConsul, _ service: String = "web") async throws -> [String] {
        let list = try #require(try await consul.json("/v1/health/service/\(service)?passing=1") as? [[String: Any]])
        return list.compactMap { ($0["Service"] as? [String: Any])?["ID"] as? String }.sorted()
    }

    @Test(
        "instances of go-service-link and Rollcall see each other, in open watches, too",
        arguments: ServerProgram.consul
    )
    func goServiceLink(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend { $0.layout = .goServiceLink }
            let web = try ServiceName("web")
            let seen = MutexBox<[[String]]>([])
            try await alongside {
                _ = try? await backend.watch(web) { snapshot in
                    seen.change { $0.append(snapshot.instances.map { "\($0.id) \($0.status) \($0.endpoints.count)" }) }
                }
            } _: {
                try await eventually { seen.value == [[]] }
                try await consul.call("PUT", "/v1/agent/service/register", Self.goRegistration("go/1", grpc: "90"))
                try await eventually { seen.value.last == ["go/1 critical 2"] }
                try await consul.call("PUT", "/v1/agent/check/pass/service:go/1?note=keepalive")
                try await eventually { seen.value.last == ["go/1 passing 2"] }
                let lease = try await backend.register(try .sample("mine"), ttl: .seconds(10))
                #expect(try await self.passing(consul) == ["go/1", "mine"])
                let checks = try #require(try await consul.json("/v1/agent/checks") as? [String: Any])
                #expect(checks.keys.contains("service:mine"))
                try await eventually { seen.value.last == ["go/1 passing 2", "mine passing 1"] }
                try await lease.update(try .sample("mine", status: .maintenance))
                try await eventually { try await self.passing(consul) == ["go/1"] }
                try await consul.call("PUT", "/v1/agent/service/deregister/go/1")
                try await eventually { seen.value.last == ["mine maintenance 1"] }
                try await lease.revoke()
                try await eventually { seen.value.last == [] }
            }
        }
    }

    @Test("holders of one id in go-service-link's layout step back for each other", arguments: ServerProgram.consul)
    func displacement(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend { $0.layout = .goServiceLink }
            let web = try ServiceName("web")
            let first = try await backend.register(try .sample("same"), ttl: .seconds(2))
            // Its check has the name of the one before, whose word the agent would keep.
            try await eventually { try await backend.instances(of: web).instances.isEmpty }
            let second = try await backend.register(try .sample("same", weight: 7), ttl: .seconds(60))
            #expect(try await backend.instances(of: web).instances.map(\.weight) == [7])
            let late = await #expect(throws: BackendError.self) { try await first.renew() }
            #expect(late?.code == .displaced)
            try await first.revoke()
            #expect(try await backend.instances(of: web).instances.map(\.weight) == [7])
            let resumed = try await backend.lease(resuming: second.token)
            try await resumed.renew()
            // A program of the other kind takes the id over.
            try await consul.call("PUT", "/v1/agent/service/register", Self.goRegistration("same"))
            let error = await #expect(throws: BackendError.self) { try await second.renew() }
            #expect(error?.code == .displaced)
            try await second.revoke()
            try await eventually {
                try await backend.instances(of: web).instances.map(\.metadata["hostname"]) == ["go"]
            }
        }
    }

    @Test(
        "configuration of go-service-link is read, written, watched and listed under its own keys",
        arguments: ServerProgram.consul
    )
    func configuration(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend { $0.layout = .goServiceLink }
            let key = try ConfigKey("/config/my-app/db.json")
            let path = "/v1/kv/config/my-app/db.json"
            let texts = MutexBox<[String?]>([])
            try await alongside {
                _ = try? await backend.watch(key) { state in
                    if case .present(let entry) = state {
                        texts.change { $0.append("\(entry.version) \(entry.content.text ?? "")") }
                    } else {
                        texts.change { $0.append(nil) }
                    }
                }
            } _: {
                try await eventually { texts.value == [nil] }
                try await consul.call("PUT", path, #"{"name":"db","version":2,"content":"host: a"}"#)
                try await eventually { texts.value.last == "2 host: a" }
                try await consul.call("PUT", path, #"{"name":"db","version":3,"content":{"host":"b"}}"#)
                try await eventually { texts.value.last == #"3 {"host":"b"}"# }
                let draft = ConfigDraft(ConfigContent(#"{"host":"c"}"#, format: .json), name: "db")
                let written = try await backend.write(draft, to: key, expecting: .any)
                #expect(written.version == 4)
                let stored = try #require(try await consul.json(path + "?raw") as? [String: Any])
                #expect(stored["version"] as? Int == 4 && stored["name"] as? String == "db")
                #expect((stored["content"] as? [String: String]) == ["host": "c"])
                try await eventually { texts.value.last == #"4 {"host":"c"}"# }
            }
            let odd = try ["a//b", "x/../y", "a b%", "größe", "."].map { try ConfigKey($0) }
            for key in odd {
                _ = try await backend.write(ConfigDraft(ConfigContent(key.text)), to: key, expecting: .absent)
                #expect(try await backend.entry(for: key)?.content.text == key.text)
            }
            // Neither what Rollcall keeps beside nor a lock of other clients is a configuration.
            let lock = try await backend.acquire(try LockName("a"), ttl: .seconds(10))
            try await consul.call("PUT", "/v1/kv/config/my-app/db.json_lock?flags=3304740253564472344")
            #expect(try await backend.keys(under: "").map(\.key.text) == (odd + [key]).map(\.text).sorted())
            #expect(try await backend.keys(under: "config/my").map(\.key) == [key])
            try await lock.release()
            try await backend.delete(odd[1], expecting: .any)
            let batch = [ConfigChange(odd[0], .delete), ConfigChange(key, .write(ConfigDraft(ConfigContent("x"))))]
            #expect(try await backend.apply(batch).last??.version == 5)
            #expect(try await consul.call("GET", path + "?raw").contains(#""content":"x""#))
        }
    }

    /// Runs a server that answers its checks with a status.
    private func withServer(_ status: MutexBox<Int>, _ body: @escaping @Sendable (Int) async throws -> Void)
        async throws
    {
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { exchange in
            exchange.respond(exchange.head.path == "/check" ? status.value : 404, "text/plain", body: [])
        }
        try await alongside {
            await server.run()
        } _: {
            try await body(server.address.port)
        }
    }

    @Test("instances of discox and Rollcall see each other, and checks count for both", arguments: ServerProgram.consul)
    func discox(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend { $0.layout = .discox }
            let status = MutexBox(200)
            try await self.withServer(status) { port in
                let web = try ServiceName("web")
                let instance = try ServiceInstance.sample(
                    endpoints: ["http://127.0.0.1:\(port)"],
                    metadata: ["weight": "3"]
                )
                let lease = try await backend.register(instance, ttl: .seconds(60))
                try await eventually { try await self.passing(consul) == ["web_127.0.0.1"] }
                let list = try #require(try await consul.json("/v1/health/service/web") as? [[String: Any]])
                let service = try #require(list.first?["Service"] as? [String: Any])
                #expect(service["Address"] as? String == "127.0.0.1" && service["Port"] as? Int == port)
                #expect((service["Meta"] as? [String: String])?["weight"] == "3")
                // As a program on discox does it.
                let other = """
                    {"ID":"web_10.0.0.8","Name":"web","Port":81,"Address":"10.0.0.8","Check":{"Interval":"2s","Timeout":"2s",
                    "HTTP":"http://127.0.0.1:\(port)/check","DeregisterCriticalServiceAfter":"30s"},"Checks":null}
                    """
                try await consul.call("PUT", "/v1/agent/service/register", other)
                func shown() async throws -> [String] {
                    try await backend.instances(of: web).instances.map { "\($0.id) \($0.status)" }
                }
                try await eventually { try await shown() == ["one passing", "web_10.0.0.8 passing"] }
                status.change { $0 = 500 }
                try await eventually { try await shown() == ["one critical", "web_10.0.0.8 critical"] }
                #expect(try await self.passing(consul).isEmpty)
                status.change { $0 = 200 }
                try await eventually { try await shown() == ["one passing", "web_10.0.0.8 passing"] }
                let resumed = try await backend.lease(resuming: lease.token)
                try await resumed.renew()
                // One of a service on a host: the last wins.
                let next = try await backend.register(
                    try .sample("two", endpoints: ["http://127.0.0.1:\(port)"]),
                    ttl: .seconds(60)
                )
                #expect(try await backend.instances(of: web).instances.map(\.id.text) == ["two", "web_10.0.0.8"])
                let error = await #expect(throws: BackendError.self) { try await lease.renew() }
                #expect(error?.code == .displaced)
                let token = LeaseToken(service: web, id: try InstanceID("nobody"), secret: "00")
                let unknown = await #expect(throws: BackendError.self) { _ = try await backend.lease(resuming: token) }
                #expect(unknown?.code == .leaseLost)
                try await next.revoke()
                #expect(try await backend.instances(of: web).instances.map(\.id.text) == ["web_10.0.0.8"])
                try await backend.remove(web, id: try InstanceID("web_10.0.0.8"))
                #expect(try await shown().isEmpty)
            }
        }
    }
}
