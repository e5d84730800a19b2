import HTTPEngine
import Rollcall
import RollcallHub
import Testing

@Suite("Hub API: who may call through a browser", .timeLimit(.minutes(2)))
struct CallerTests {
    private static func check(_ status: Int, of host: String, _ hub: Hub) async throws {
        let answer = try await hub.raw("GET /v1/services HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(host): \(answer.prefix(80))")
    }

    @Test("a request that goes to another name than the hub's own is refused: such a name can be made to lead here")
    func hosts() async throws {
        try await withHub { hub in
            for host in [
                "127.0.0.1", "127.0.0.1:1", "127.9.9.9:20000", "localhost", "LocalHost:8080", "[::1]", "[::1]:20000",
            ] {
                try await Self.check(200, of: host, hub)
            }
            for host in [
                "evil.example", "evil.example:20000", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1",
                "[2001:db8::1]:80", "0.0.0.0", "",
            ] {
                try await Self.check(403, of: host, hub)
            }
            // That is no host at all.
            try await Self.check(400, of: "evil@127.0.0.1", hub)
        }
    }

    @Test("a name that the hub was told of is its own, too")
    func allowedHosts() async throws {
        var configuration = HubServer.Configuration(port: 0)
        configuration.allowedHosts = ["Hub.Internal"]
        try await withHub(configuration) { hub in
            try await Self.check(200, of: "hub.internal:443", hub)
            try await Self.check(403, of: "internal", hub)
        }
        configuration.allowedHosts = ["http://hub.internal"]
        let error = #expect(throws: BackendError.self) { try HubServer(configuration) }
        #expect(error?.code == .invalidArgument)
    }

    @Test("a page of elsewhere can neither change nor read, whatever its request looks like")
    func origins() async throws {
        try await withHub { hub in
            try await hub.register("web-1")
            let document = #"{"Name":"evil","Addr":"127.0.0.1:1"}"#
            let form = "application/x-www-form-urlencoded"
            for origin in [
                "http://evil.example", "null", "", "http://127.0.0.1", "http://localhost:\(hub.server.port)",
                "http://127.0.0.1:\(hub.server.port).evil.example",
            ] {
                let refusals = [
                    Refusal("POST", "/services", document, field: "Origin"),
                    Refusal("DELETE", "/v1/services/web/instances/web-1", field: "Origin"),
                    Refusal("PATCH", "/v1/services/web/instances/web-1", "{}", field: "Origin"),
                    Refusal("GET", "/v1/services", field: "Origin"),
                    Refusal("GET", "/v1/catalog/service/web", field: "Origin"),
                    Refusal("OPTIONS", "/v1/services", field: "Origin"),
                ]
                for var refusal in refusals {
                    refusal.status = 403
                    refusal.code = "permissionDenied"
                    refusal.headers = ["Origin": origin, "Content-Type": form]
                    try await refusal.check(at: hub)
                }
            }
            #expect(try await hub.call("GET", "/v1/services").json["services"]?.list.count == 1)
        }
    }

    @Test("the hub's own page may do everything")
    func sameOrigin() async throws {
        try await withHub { hub in
            try await hub.register("web-1")
            let answer = try await hub.call(
                "PATCH",
                "/v1/services/web/instances/web-1",
                #"{"weight":7}"#,
                headers: ["Origin": "http://\(hub.origin)"]
            )
            #expect(answer.status == 200)
        }
    }
}
