import HTTPEngine
import Rollcall
import Testing

@testable import RollcallHub

@Suite("The hub's OpenAPI document", .timeLimit(.minutes(2)), .serialized)
struct OpenAPITests {
    /// The path in the document of each route; a new route does not compile until it stands here.
    private static func template(of route: HubRoute) -> String {
        switch route {
        case .console: "/"
        case .live: "/livez"
        case .ready: "/readyz"
        case .status: "/v1/status"
        case .metrics: "/metrics"
        case .description: "/openapi.yaml"
        case .services: "/v1/services"
        case .service: "/v1/services/{service}"
        case .checks: "/v1/services/{service}/checks"
        case .instance: "/v1/services/{service}/instances/{id}"
        case .lease: "/v1/services/{service}/instances/{id}/lease"
        case .leases: "/v1/leases/renew"
        case .watch: "/v1/watch"
        case .tutorial: "/services"
        }
    }

    /// What is answered beside the routes.
    private static let catalog = "/v1/catalog/service/{service}"

    private static func path(_ template: String) -> String {
        template.replacing("{service}", with: "web").replacing("{id}", with: "web-1")
    }

    @Test("the hub serves it, and every reference in it leads somewhere")
    func served() async throws {
        let description = try APIDescription.builtIn.get()
        #expect(description.root["openapi"] == .text("3.1.0"))
        func follow(_ tree: JSONTree) throws {
            if tree["$ref"] != nil { _ = try description.resolved(tree) }
            for member in tree.members.values { try follow(member) }
            for element in tree.list { try follow(element) }
        }
        try follow(description.root)
        try await withHub { hub in
            let answer = try await hub.call("GET", "/openapi.yaml")
            #expect(answer.status == 200)
            #expect(answer.body == PackageResources.openapi_yaml)
        }
    }

    @Test("every path of the document is a route with these methods, and every route stands in it")
    func routes() throws {
        let operations = try APIDescription.builtIn.get().operations
        let service = try ServiceName("web")
        let id = try InstanceID("web-1")
        let routes: [HubRoute] = [
            .console, .live, .ready, .status, .metrics, .description, .services, .service(service),
            .checks(service), .instance(service, id), .lease(service, id), .leases, .watch, .tutorial,
        ]
        #expect(Set(operations.keys) == Set(routes.map(Self.template) + [Self.catalog]))
        for (template, methods) in operations where template != Self.catalog {
            let route = try #require(try HubRoute(Substring(Self.path(template))))
            #expect(Self.template(of: route) == template)
            #expect(Set(route.methods).subtracting(["HEAD"]) == methods)
            #expect(route.methods.contains("HEAD") == (methods.contains("GET") && template != "/v1/watch"))
        }
    }

    @Test("every operation of the document answers, with every parameter that it names")
    func operations() async throws {
        let description = try APIDescription.builtIn.get()
        try await withHub { hub in
            for (template, methods) in description.operations {
                for method in methods {
                    let secret = try await hub.register("web-1")
                    for parameter in [nil] + (try description.parameters(method, template)) {
                        var target = Self.path(template)
                        var headers = ["Rollcall-Lease": secret]
                        if let parameter {
                            let name = try #require(parameter["name"]?.text).replacing("{key}", with: "team")
                            let example = try #require(parameter["example"], "\(name) has no example")
                            let value = example.text ?? "\(example.number ?? 0)"
                            switch parameter["in"] {
                            case .text("query"): target += "?\(name)=\(PercentEncoding.encode(value))"
                            case .text("header"): if name != "Rollcall-Lease" { headers[name] = value }
                            default: continue
                            }
                        }
                        let status = try await Self.status(hub, method, target, headers)
                        // A stream of nothing, with `ns` alone, is refused; everything else is done.
                        let isDone = status < 300 || template == "/v1/watch" && status == 400
                        #expect(isDone, "\(method) \(target): \(status)")
                    }
                }
            }
        }
    }

    private static func status(
        _ hub: Hub,
        _ method: String,
        _ target: String,
        _ headers: [String: String]
    ) async throws -> Int {
        if target.hasPrefix("/v1/watch") {
            let request = HTTPClient.Request(
                method,
                target,
                at: hub.origin,
                fields: headers.map { Problem.Header($0.key, $0.value) },
                body: method == "POST" ? Array(#"{"services":{"web":0}}"#.utf8) : []
            )
            let deadline = hub.client.clock.now.advanced(by: .seconds(10))
            return try await hub.client.withResponse(to: request, headBy: deadline) { $0.head.status }
        }
        let path = target.prefix { $0 != "?" }
        let body =
            switch (method, path) {
            case ("PUT", _) where !path.hasSuffix("/lease"): #"{"endpoints":["http://127.0.0.1:1"]}"#
            case ("PATCH", _): #"{"weight":2}"#
            case (_, "/v1/leases/renew"): #"{"leases":[]}"#
            case (_, "/services"): #"{"Name":"tutorial","Addr":"127.0.0.1:1","RequiredServices":["web"]}"#
            default: ""
            }
        // There must be something to take out.
        if path == "/services" { _ = try await hub.call("POST", "/services", body) }
        return try await hub.call(method, target, body, headers: headers).status
    }

    @Test("every other method is answered 405 with what the address has")
    func otherMethods() async throws {
        let description = try APIDescription.builtIn.get()
        try await withHub { hub in
            try await hub.register("web-1")
            let methods = [
                "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "get",
            ]
            for (template, documented) in description.operations {
                let heads: Set<String> = documented.contains("GET") && template != "/v1/watch" ? ["HEAD"] : []
                let allowed = documented.union(heads)
                for method in methods where !allowed.contains(method) {
                    let answer = try await hub.call(method, Self.path(template))
                    #expect(answer.status == 405, "\(method) \(template)")
                    if method != "HEAD" { #expect(answer.code == "unsupported") }
                    let allow = answer.head.fields.first("allow") ?? ""
                    #expect(Set(allow.split(separator: ", ").map(String.init)) == allowed)
                }
            }
        }
    }

    @Test("the checker finds what does not fit")
    func checker() throws {
        let description = try APIDescription.builtIn.get()
        func fits(_ json: String, _ schema: String) -> Bool {
            let reference = JSONTree.object(["$ref": .text("#/components/schemas/\(schema)")])
            do {
                try SchemaChecker(description: description).check(try JSONTree(json: json.utf8), reference, at: "")
                return true
            } catch {
                return false
            }
        }
        #expect(fits(#"{"service":"web","revision":3,"instances":[]}"#, "Snapshot"))
        #expect(!fits(#"{"service":"web","revision":3}"#, "Snapshot"))
        #expect(!fits(#"{"service":"web","revision":3,"instances":[],"more":1}"#, "Snapshot"))
        #expect(!fits(#"{"service":"web","revision":-3,"instances":[]}"#, "Snapshot"))
        #expect(!fits(#"{"service":"web","revision":0.5,"instances":[]}"#, "Snapshot"))
        #expect(!fits(#"{"service":"","revision":3,"instances":[]}"#, "Snapshot"))
        #expect(!fits(#"{"service":"web","revision":3,"instances":[{"id":"a"}]}"#, "Snapshot"))
        #expect(fits(#"{"ttl":"1.5h"}"#, "Renewal"))
        #expect(!fits(#"{"ttl":"1 fortnight"}"#, "Renewal"))
        #expect(fits(#"{"endpoints":["http://a:1"],"zone":null,"more":1}"#, "InstanceInput"))
    }
}
