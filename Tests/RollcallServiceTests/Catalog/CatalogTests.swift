import Foundation
import HTTPEngine
import Rollcall
import RollcallCatalog
import RollcallService
import RollcallTesting
import Testing

@Suite("Catalog", .timeLimit(.minutes(1)))
struct CatalogTests {
    private struct Entry: Decodable, Equatable {
        var ID: String
        var Node: String
        var Address: String
        var Datacenter: String
        var NodeMeta: [String: String]
        var ServiceAddress: String
        var ServiceID: String
        var ServiceName: String
        var ServicePort: Int
        var ServiceMeta: [String: String]
    }

    private static func withCatalog(
        backend: any RegistryBackend = MemoryBackend(),
        _ body: @escaping @Sendable (RollcallClient, Endpoint) async throws -> Void
    ) async throws {
        try await withRollcallClient(RollcallClient(registry: backend)) { client in
            let catalog = CatalogService(client: client)
            try await withRunner(catalog.runner(port: 0, configuration: quickly())) { runner in
                try await body(client, #require(runner.endpoints.first))
            }
        }
    }

    private static func entries(_ name: String, at endpoint: Endpoint) async throws -> [Entry] {
        let answer = try await fetch("/v1/catalog/service/\(name)", at: endpoint)
        #expect(answer.status == 200)
        return try JSONDecoder().decode([Entry].self, from: Data(answer.body.utf8))
    }

    @Test("every field is filled, and addresses are addresses")
    func fields() async throws {
        try await Self.withCatalog { client, endpoint in
            let instance = try ServiceInstance(
                service: ServiceName("a b/c"),
                id: InstanceID("one"),
                endpoints: [Endpoint("http://10.0.0.7:8080"), Endpoint("grpc://10.0.0.7:9090")],
                version: SemanticVersion("1.2.3"),
                zone: "north",
                tags: ["blue"],
                metadata: ["team": "shop", "hostname": "n7", "status": "passing?", "scheme": "x"]
            )
            _ = try await client.registry.register(instance, ttl: .seconds(60))
            let named = try ServiceInstance(
                service: ServiceName("a b/c"),
                id: InstanceID("two"),
                endpoints: [Endpoint("https://shop.internal")]
            )
            _ = try await client.registry.register(named, ttl: .seconds(60))
            let entries = try await Self.entries("a%20b%2Fc", at: endpoint)
            #expect(
                entries.first
                    == Entry(
                        ID: "n7",
                        Node: "n7",
                        Address: "10.0.0.7",
                        Datacenter: "north",
                        NodeMeta: [:],
                        ServiceAddress: "10.0.0.7",
                        ServiceID: "one",
                        ServiceName: "a b/c",
                        ServicePort: 8080,
                        ServiceMeta: [
                            "scheme": "http", "status": "passing", "version": "1.2.3", "tags": "blue",
                            "team": "shop", "hostname": "n7",
                        ]
                    )
            )
            #expect(entries.last?.Address == "")
            #expect(entries.last?.ServiceAddress == "shop.internal")
            #expect(entries.last?.ServicePort == 443)
            #expect(entries.last?.Datacenter == "default")
        }
    }

    @Test("it registers itself, lists all in order, and an unknown service is an empty list")
    func all() async throws {
        try await Self.withCatalog { client, endpoint in
            for name in ["web", "mail"] {
                let instance = try ServiceInstance(
                    service: ServiceName(name),
                    endpoints: [Endpoint("http://10.0.0.1:80")]
                )
                _ = try await client.registry.register(instance, ttl: .seconds(60))
            }
            for every in ["*", "%2A"] {
                let names = try await Self.entries(every, at: endpoint).map(\.ServiceName)
                #expect(names == ["mail", "registry-http-service", "web"])
            }
            let own = try await Self.entries(CatalogService.name.text, at: endpoint)
            #expect(own.first?.ServicePort == endpoint.port)
            #expect(try await fetch("/v1/catalog/service/nobody", at: endpoint).body == "[]")
        }
    }

    @Test("indentation is for people, and the same document")
    func indent() async throws {
        try await Self.withCatalog { client, endpoint in
            let instance = try ServiceInstance(
                service: ServiceName("odd"),
                endpoints: [Endpoint("http://10.0.0.1:80")],
                metadata: ["k": "a\"b\\ {[,:]} \\\""]
            )
            _ = try await client.registry.register(instance, ttl: .seconds(60))
            let plain = try await fetch("/v1/catalog/service/odd", at: endpoint).body
            let pretty = try await fetch("/v1/catalog/service/odd?indent", at: endpoint).body
            #expect(pretty.split(separator: "\n").count > 10)
            #expect(pretty.contains("\n        \"NodeMeta\": {},\n"))
            let documents = try [plain, pretty].map { try JSONDecoder().decode([Entry].self, from: Data($0.utf8)) }
            #expect(documents[0] == documents[1])
            #expect(documents[0].first?.ServiceMeta["k"] == "a\"b\\ {[,:]} \\\"")
            #expect(try await fetch("/v1/catalog/service/odd?indent=false", at: endpoint).body == plain)
            #expect(try await fetch("/v1/catalog/service/nobody?indent", at: endpoint).body == "[]\n")
        }
    }

    @Test(
        "names and queries that are none are refused, and say why",
        arguments: [
            "/v1/catalog/service/", "/v1/catalog/service/a*", "/v1/catalog/service/a/b", "/v1/catalog/service/%zz",
            "/v1/catalog/service/%00", "/v1/catalog/service/web?ident", "/v1/catalog/service/web?%zz",
            "/v1/catalog/service/" + String(repeating: "a", count: 129), "/v1/catalog/service/%ff",
        ]
    )
    func badNames(_ target: String) async throws {
        try await Self.withCatalog { _, endpoint in
            let answer = try await fetch(target, at: endpoint)
            #expect(answer.status == 400)
            #expect(answer.body.contains("\"code\":\"invalidArgument\""))
            #expect(answer.body.contains("\"field\":"))
        }
    }

    @Test("other methods and paths are refused")
    func badMethods() async throws {
        try await Self.withCatalog { _, endpoint in
            for method in ["POST", "PUT", "DELETE", "PATCH"] {
                let answer = try await fetch("/v1/catalog/service/web", at: endpoint, method: method)
                #expect(answer.status == 405)
                #expect(answer.head.fields.first("allow") == "GET, HEAD")
            }
            #expect(try await fetch("/v1/catalog/service/web", at: endpoint, method: "HEAD").status == 200)
            for path in ["/", "/v1/catalog/services", "/v1/catalog/service"] {
                #expect(try await fetch(path, at: endpoint).status == 404)
            }
        }
    }

    @Test("names that are asked for are not observed afterwards")
    func nothingStays() async throws {
        try await Self.withCatalog { client, endpoint in
            let before = WorkGauge.active
            for index in 0..<50 { _ = try await Self.entries("name-\(index)", at: endpoint) }
            _ = try await Self.entries("*", at: endpoint)
            #expect(client.discovery.observedServices.isEmpty)
            #expect(WorkGauge.active <= before)
        }
    }

    @Test("one service that cannot be read does not take the others along")
    func partly() async throws {
        let record = Record()
        let backend = PartlyBrokenBackend(broken: "mail")
        try await withRollcallClient(RollcallClient(registry: backend)) { client in
            for name in ["web", "mail"] {
                let instance = try ServiceInstance(
                    service: ServiceName(name),
                    endpoints: [Endpoint("http://10.0.0.1:80")]
                )
                _ = try await backend.register(instance, ttl: .seconds(60))
            }
            let catalog = CatalogService(client: client, log: log(into: record))
            try await withRunner(catalog.runner(port: 0, configuration: quickly())) { runner in
                let endpoint = try #require(runner.endpoints.first)
                let names = try await Self.entries("*", at: endpoint).map(\.ServiceName)
                #expect(names == ["registry-http-service", "web"])
                #expect(try await fetch("/v1/catalog/service/mail", at: endpoint).status == 503)
                #expect(record.all.first?.hasPrefix("warning catalog: mail is left out") == true)
            }
        }
    }

    @Test("a backend that is away is 503")
    func faults() async throws {
        let handler = CatalogHandler { (_) async throws(BackendError) in
            throw BackendError(.unavailable, "the backend is away")
        }
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { try await handler.answer($0) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            let endpoint = try Endpoint("http://\(server.address)")
            let answer = try await fetch("/v1/catalog/service/*", at: endpoint)
            #expect(answer.status == 503)
            #expect(answer.body.contains("\"code\":\"unavailable\""))
            await server.shutDown(within: .seconds(1))
        }
    }
}
