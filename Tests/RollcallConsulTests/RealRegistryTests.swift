import Foundation
import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite(
    "Registrations in a real Consul",
    .serialized,
    .timeLimit(.minutes(5)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
)
struct RealRegistryTests {
    @Test("others find what Rollcall registers, and Rollcall what others do", arguments: ServerProgram.consul)
    func together(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend()
            let instance = try ServiceInstance.sample(weight: 3, tags: ["blue"], metadata: ["team": "shop"])
            let lease = try await backend.register(instance, ttl: .seconds(30))
            let listed = try #require(try await consul.json("/v1/health/service/web?passing") as? [[String: Any]])
            let service = try #require(listed.first?["Service"] as? [String: Any])
            #expect(service["Address"] as? String == "10.0.0.7" && service["Port"] as? Int == 8080)
            #expect(service["Tags"] as? [String] == ["blue"])
            #expect((service["Meta"] as? [String: String])?["team"] == "shop")
            #expect((service["Weights"] as? [String: Int])?["Passing"] == 3)
            // Who drains is passed over by others, too.
            try await lease.update(try instance.applying(InstanceChange(status: .maintenance)))
            try await eventually { try await consul.call("GET", "/v1/health/service/web?passing") == "[]" }
            try await lease.update(instance)
            try await eventually { try await consul.call("GET", "/v1/health/service/web?passing") != "[]" }

            let other =
                #"{"ID":"w2","Name":"web","Address":"10.0.0.8","Port":81,"Tags":["red"],"Meta":{"version":"2.0.0"}}"#
            try await consul.call("PUT", "/v1/agent/service/register", other)
            try await eventually { try await backend.instances(of: instance.service).instances.count == 2 }
            let snapshot = try await backend.instances(of: instance.service)
            let foreign = try #require(snapshot[try InstanceID("w2")])
            #expect(foreign.endpoint.description == "http://10.0.0.8:81" && foreign.status == .passing)
            #expect(foreign.version?.description == "2.0.0" && foreign.tags == ["red"])
            let amended = try await backend.amend(instance.service, id: foreign.id, InstanceChange(weight: 0))
            #expect(amended.weight == 0)
            // The servers themselves are a service.
            #expect(try await backend.services().map(\.service.text) == ["consul", "web"])
            try await backend.remove(instance.service, id: foreign.id)
            #expect(try await backend.instances(of: instance.service).instances.map(\.id.text) == ["one"])
            // What was laid over it went along.
            #expect(try await consul.raw("GET", "/v1/kv/rollcall?keys").status == 404)
        }
    }

    @Test("what Consul says of an instance is seen: maintenance, a check that fails", arguments: ServerProgram.consul)
    func health(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend()
            let web = try ServiceName("web")
            let lease = try await backend.register(try .sample(), ttl: .seconds(60))
            func status() async throws -> HealthStatus? { try await backend.instances(of: web).instances.first?.status }
            try await consul.call("PUT", "/v1/agent/service/maintenance/web--one?enable=true&reason=test")
            try await eventually { try await status() == .maintenance }
            try await consul.call("PUT", "/v1/agent/service/maintenance/web--one?enable=false")
            try await eventually { try await status() == .passing }
            let check = InstanceCodec.leaseCheck(lease.token.secret)
            try await consul.call("PUT", "/v1/agent/check/fail/\(check)?note=disk")
            try await eventually { try await status() == .critical }
            try await lease.renew()
            try await eventually { try await status() == .passing }
            // A lease that ran out is another thing.
            let short = try await backend.register(try .sample("short"), ttl: .seconds(1))
            try await eventually { try await backend.instances(of: web).instances.map(\.id.text) == ["one"] }
            let error = await #expect(throws: BackendError.self) { try await short.renew() }
            #expect(error?.code == .leaseLost)
            let summaries = try await backend.services().filter { $0.service == web }
            #expect(summaries == [ServiceSummary(service: web, counts: [.passing: 1])])
        }
    }

    @Test("a registration survives the agent that keeps its data, and a pause", arguments: ServerProgram.consul)
    func restart(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend { $0.timeout = .seconds(2) }
            let web = try ServiceName("web")
            let lease = try await backend.register(try .sample(), ttl: .seconds(60))
            let live = MutexBox<[Bool]>([])
            try await alongside {
                _ = try? await backend.watch(web) { snapshot in
                    let isLive = snapshot.freshness == .live
                    live.change { $0.append(isLive && snapshot.instances.count == 1) }
                }
            } _: {
                try await eventually { live.value == [true] }
                try await consul.server.process.restart(keepingData: true)
                try await eventually { live.value.last == true && live.value.contains(false) }
                try await lease.renew()
                #expect(try await backend.instances(of: web).instances.count == 1)
                consul.server.process.pause()
                let error = await #expect(throws: BackendError.self) { try await lease.renew() }
                #expect(error?.code == .timeout)
                consul.server.process.resume()
                try await eventually { (try? await lease.renew()) != nil }
                #expect(try await backend.instances(of: web).instances.count == 1)
            }
            // Killed, and back on a new registration when its data is gone.
            try await consul.server.process.restart(keepingData: false)
            let lost = await #expect(throws: BackendError.self) { try await lease.renew() }
            #expect(lost?.code == .leaseLost)
        }
    }

    @Test("one id on two agents: the last wins, and the agent's end is seen", arguments: ServerProgram.consul)
    func twoAgents(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            try await SecondAgent.run(program, of: consul) { agent in
                let (first, second) = (try consul.backend(), try consul.backend(port: agent.httpPort))
                let instance = try ServiceInstance.sample("same")
                let web = instance.service
                let former = try await first.register(instance, ttl: .seconds(2))
                let present = try await second.register(try .sample("same", weight: 7), ttl: .seconds(60))
                for backend in [first, second] {
                    #expect(try await backend.instances(of: web).instances.map(\.weight) == [7])
                }
                // Its own agent knows nothing of the other: it looks once a time-to-live.
                let loss = await #expect(throws: BackendError.self) { try await former.keepAlive() }
                #expect(loss?.code == .displaced)
                try await eventually {
                    let list = try await consul.json("/v1/health/service/web") as? [[String: Any]]
                    return list?.count == 1
                }
                // An amendment needs no agent in particular, a removal does.
                let amended = try await first.amend(web, id: instance.id, InstanceChange(tags: ["x"]))
                #expect(amended.tags == ["x"] && amended.weight == 7)
                let error = await #expect(throws: BackendError.self) { try await first.remove(web, id: instance.id) }
                #expect(error?.code == .unsupported && error?.message.contains("second") == true)
                try await present.renew()
                agent.process.kill()
                try await eventually(within: .seconds(60)) {
                    try await first.instances(of: web).instances.map(\.status) == [.critical]
                }
                try await first.remove(web, id: instance.id)
                #expect(try await first.instances(of: web).instances.isEmpty)
            }
        }
    }

    @Test(
        "tokens: all may be done with one, nothing without, and little with a small one",
        arguments: ServerProgram.consul
    )
    func tokens(_ program: ServerProgram) async throws {
        let management = "5d8f0a14-3f6c-4d1e-9a51-0c5d7e9b1a2f"
        try await RealConsul.run(program, token: management) { consul in
            let backend = try consul.backend()
            let instance = try ServiceInstance.sample()
            let lease = try await backend.register(instance, ttl: .seconds(30))
            try await lease.revoke()
            #expect(await backend.health().serverVersion == program.version)
            let key = try ConfigKey("a")
            for token in [nil, "6d8f0a14-3f6c-4d1e-9a51-0c5d7e9b1a2f"] {
                let other = try consul.backend { $0.credentials.token = token }
                let register = await #expect(throws: BackendError.self) {
                    _ = try await other.register(instance, ttl: .seconds(30))
                }
                #expect(register?.code == .unauthenticated, "\(String(describing: register))")
                let write = await #expect(throws: BackendError.self) {
                    _ = try await other.write(ConfigDraft(ConfigContent("x")), to: key, expecting: .any)
                }
                #expect(write?.code == .unauthenticated, "\(String(describing: write))")
                #expect(
                    "\(String(describing: write)) \(String(describing: register))".contains(token ?? "\u{0}") == false
                )
            }
            let rules =
                #"{"Name":"r","Rules":"service \"web\" { policy = \"write\" } node_prefix \"\" { policy = \"read\" }"}"#
            try await consul.call("PUT", "/v1/acl/policy", rules)
            let made = try await consul.call("PUT", "/v1/acl/token", #"{"Policies":[{"Name":"r"}]}"#)
            let small = try #require(
                (try JSONSerialization.jsonObject(with: Data(made.utf8)) as? [String: Any])?["SecretID"] as? String
            )
            let limited = try consul.backend { $0.credentials.token = small }
            let own = try await limited.register(instance, ttl: .seconds(30))
            try await own.renew()
            #expect(try await limited.instances(of: instance.service).instances.count == 1)
            let write = await #expect(throws: BackendError.self) {
                _ = try await limited.write(ConfigDraft(ConfigContent("x")), to: key, expecting: .any)
            }
            #expect(write?.code == .permissionDenied, "\(String(describing: write))")
            let lock = await #expect(throws: BackendError.self) {
                _ = try await limited.acquire(try LockName("l"), ttl: .seconds(10))
            }
            #expect(lock?.code == .permissionDenied, "\(String(describing: lock))")
            try await own.revoke()
        }
    }
}

/// Another agent of the same cluster, which is no server.
enum SecondAgent {
    struct Running: Sendable {
        let process: ServerProcess
        var httpPort: Int { self.process.place.ports[0] }
    }

    static func run(
        _ program: ServerProgram,
        of consul: RealConsul,
        _ body: (Running) async throws -> Void
    ) async throws {
        let serf = consul.server.process.place.ports[2]
        let launch = ServerProcess.Launch { place in
            [
                program.path, "agent", "-node=second", "-data-dir=\(place.data)", "-bind=127.0.0.1",
                "-client=127.0.0.1",
                "-http-port=\(place.ports[0])", "-serf-lan-port=\(place.ports[1])", "-dns-port=-1", "-grpc-port=-1",
                "-grpc-tls-port=-1", "-retry-join=127.0.0.1:\(serf)", "-retry-interval=100ms",
                "-hcl", "disable_update_check = true",
            ]
        } isReady: { place in
            let request = HTTPClient.Request(
                "GET",
                "/v1/status/leader",
                at: Origin(host: "127.0.0.1", port: place.ports[0])
            )
            guard let client = try? HTTPClient(), let answer = try? await client.send(request, within: .seconds(1))
            else {
                return false
            }
            return answer.status == 200 && answer.body.count > 4
        }
        let process = try ServerProcess("second agent", portCount: 2, launch: launch)
        defer { process.kill() }
        try await process.start()
        try await body(Running(process: process))
    }
}
