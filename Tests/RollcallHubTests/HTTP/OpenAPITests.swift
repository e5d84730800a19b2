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
        case .configs: "/v1/config"
        case .config(let path): "/v1/config/{key}" + Self.ending(of: path.operation)
        case .configWatch: "/v1/config-watch"
        case .configBatch: "/v1/config-batch"
        case .configReaders: "/v1/config-readers"
        case .lock: "/v1/locks/{lock}"
        case .backup: "/v1/backup"
        }
    }

    private static func ending(of operation: ConfigRoute.Operation) -> String {
        switch operation {
        case .entry: ""
        case .history: "/history"
        case .version: "/history/{version}"
        case .rollback: "/rollback"
        case .candidate: "/candidate"
        case .promotion: "/candidate/promote"
        case .readers: "/readers"
        }
    }

    /// What answers with events.
    private static let streams: Set<String> = ["/v1/watch", "/v1/config-watch"]

    /// What is answered beside the routes.
    private static let catalog = "/v1/catalog/service/{service}"

    private static func path(_ template: String) -> String {
        template.replacing("{service}", with: "web").replacing("{id}", with: "web-1")
            .replacing("{key}", with: "limits").replacing("{version}", with: "1")
            .replacing("{lock}", with: "nightly")
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
        var routes: [HubRoute] = [
            .console, .live, .ready, .status, .metrics, .description, .services, .service(service),
            .checks(service), .instance(service, id), .lease(service, id), .leases, .watch, .tutorial, .configs,
            .configWatch, .configBatch, .configReaders, .lock(try LockName("nightly")), .backup,
        ]
        let endings = ["", "/history", "/history/1", "/rollback", "/candidate", "/candidate/promote", "/readers"]
        routes += try endings.map { .config(try ConfigRoute("limits" + $0)) }
        #expect(Set(operations.keys) == Set(routes.map(Self.template) + [Self.catalog]))
        for (template, methods) in operations where template != Self.catalog {
            let route = try #require(try HubRoute(Substring(Self.path(template))))
            #expect(Self.template(of: route) == template)
            #expect(Set(route.methods).subtracting(["HEAD"]) == methods)
            #expect(route.methods.contains("HEAD") == (methods.contains("GET") && !Self.streams.contains(template)))
        }
    }

    @Test("every operation of the document answers, with every parameter that it names")
    func operations() async throws {
        let description = try APIDescription.builtIn.get()
        try await withHub { hub in
            var number = 0
            for (template, methods) in description.operations {
                for method in methods {
                    let secret = try await hub.register("web-1")
                    for parameter in [nil] + (try description.parameters(method, template)) {
                        number += 1
                        var call = DescribedCall(method, template, number: number, secret: secret)
                        if let parameter { try call.add(parameter) }
                        let status = try await call.status(hub)
                        // A stream of nothing, with `ns` alone, is refused; everything else is done.
                        let isDone = status < 300 || Self.streams.contains(template) && status == 400
                        #expect(isDone, "\(method) \(call.target): \(status)")
                    }
                }
            }
        }
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
                let heads: Set<String> =
                    documented.contains("GET") && !Self.streams.contains(template) ? ["HEAD"] : []
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
