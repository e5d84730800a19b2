import Foundation
import Rollcall
import Testing

@testable import RollcallConsul

@Suite("Checks that Consul's agent makes")
struct AgentCheckTests {
    private func written(_ check: ConsulBackend.AgentCheck, _ endpoints: String...) throws -> [String: Any] {
        let target = try check.target(in: try .sample(endpoints: endpoints))
        var writer = JSONWriter()
        writer.object { writer in target.write(to: &writer) }
        return try #require(try JSONSerialization.jsonObject(with: Data(writer.bytes)) as? [String: Any])
    }

    @Test("the address is that of the endpoint of the scheme that is asked for")
    func addresses() throws {
        let http = ConsulBackend.AgentCheck(.http(path: "/health?full=1"), interval: .seconds(5), timeout: .seconds(1))
        let first = try self.written(http, "grpc://10.0.0.7:1", "http://10.0.0.7:80/api/", "https://10.0.0.7:443")
        #expect(first["HTTP"] as? String == "http://10.0.0.7:80/api/health?full=1")
        #expect(first["Interval"] as? String == "5000ms" && first["Timeout"] as? String == "1000ms")
        #expect(try self.written(http, "https://[::1]:1")["HTTP"] as? String == "https://[::1]:1/health?full=1")
        // Consul's agent is on the machine whose every address is meant.
        #expect(try self.written(http, "http://0.0.0.0:1")["HTTP"] as? String == "http://127.0.0.1:1/health?full=1")
        #expect(try self.written(http, "http://[::]:1")["HTTP"] as? String == "http://[::1]:1/health?full=1")
        let tcp = ConsulBackend.AgentCheck(.tcp)
        #expect(try self.written(tcp, "http://h:1", "tcp://h:2")["TCP"] as? String == "h:2")
        #expect(try self.written(tcp, "redis://h:1", "http://h:2")["TCP"] as? String == "h:1")
        let whole = try self.written(.init(.grpc(service: "")), "http://h:1", "grpc://h:2")
        #expect(whole["GRPC"] as? String == "h:2" && whole["GRPCUseTLS"] == nil)
        let one = try self.written(.init(.grpc(service: "shop.v1.Shop")), "grpcs://h:2")
        #expect(one["GRPC"] as? String == "h:2/shop.v1.Shop" && one["GRPCUseTLS"] as? Bool == true)
    }

    @Test(
        "an instance without such an endpoint is refused before anything is sent, with what it has",
        arguments: [
            (ConsulBackend.AgentCheck.Kind.http(path: "/"), "grpc://h:1", "http or https"),
            (.grpc(service: ""), "http://h:1", "grpc"), (.tcp, "unix:///run/x", "TCP"),
        ]
    )
    func noEndpoint(_ kind: ConsulBackend.AgentCheck.Kind, _ endpoint: String, _ text: String) async throws {
        // Nobody listens there.
        let configuration = ConsulBackend.Configuration(agentCheck: .init(kind))
        let backend = try ConsulBackend(url: "consul://127.0.0.1:1", configuration: configuration)
        let error = await #expect(throws: BackendError.self) {
            _ = try await backend.register(try .sample(endpoints: [endpoint]), ttl: .seconds(10))
        }
        #expect(error?.code == .invalidArgument && error?.applied == .no)
        #expect(
            (error?.cause as? ValidationError)?.field == "agentCheck" || error?.message.contains("agentCheck") == true
        )
        #expect(error?.message.contains(text) == true && error?.message.contains(endpoint) == true)
        #expect(error?.key == "web/one")
    }

    @Test("a URL may ask for a check")
    func url() throws {
        func check(_ query: String) throws -> ConsulBackend.AgentCheck? {
            try ConsulURL("consul://a?\(query)", configuration: .init()).configuration.agentCheck
        }
        #expect(try check("wait=1s") == nil)
        #expect(try check("check=http") == .init(.http(path: "/")))
        #expect(
            try check("check=http&check-path=/health&check-interval=5s&check-timeout=500ms")
                == .init(.http(path: "/health"), interval: .seconds(5), timeout: .milliseconds(500))
        )
        #expect(try check("check=tcp") == .init(.tcp))
        #expect(try check("check=grpc&check-service=a.B") == .init(.grpc(service: "a.B")))
    }

    @Test(
        "what is wrong is named",
        arguments: [
            ("check=udp", "check"), ("check-path=/x", "check-path"), ("check=tcp&check-path=/x", "check-path"),
            ("check=http&check-service=a", "check-service"), ("check=http&check-interval=5", "check-interval"),
            ("check=http&check-interval=500ms", "agentCheck.interval"),
            ("check=http&check-interval=2s&check-timeout=3s", "agentCheck.timeout"),
            ("check=http&check-timeout=0s", "agentCheck.timeout"), ("check=http&check-path=x", "agentCheck.path"),
            ("check=http&check-path=/a%20b", "agentCheck.path"), ("check=grpc&check-service=a/b", "agentCheck.service"),
        ]
    )
    func mistakes(_ query: String, _ field: String) {
        let error = #expect(throws: BackendError.self) { try ConsulBackend(url: "consul://127.0.0.1:1?\(query)") }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(field) == true, "\(String(describing: error))")
    }

    @Test("it stands beside the lease under a name that no other registration has")
    func document() throws {
        let instance = try ServiceInstance.sample()
        var registration = Registration.sample(instance, nonce: "7")
        registration.agentCheck = try ConsulBackend.AgentCheck(.tcp).target(in: instance)
        let document = try JSONSerialization.jsonObject(with: Data(registration.json)) as? [String: Any]
        let checks = try #require(document?["Checks"] as? [[String: Any]])
        #expect(checks.map { $0["CheckID"] as? String } == ["rollcall-lease-7", "rollcall-agent-7"])
        #expect(checks[1]["Status"] == nil && checks[1]["DeregisterCriticalServiceAfter"] == nil)
    }
}
