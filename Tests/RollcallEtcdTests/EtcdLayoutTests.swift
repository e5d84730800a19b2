import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

@Suite("Layouts of etcd")
struct EtcdLayoutTests {
    private func instance(_ id: String = "web-1") throws -> ServiceInstance {
        try ServiceInstance(
            service: try ServiceName("web"),
            id: try InstanceID(id),
            endpoints: [try Endpoint("http://10.0.0.7:8080"), try Endpoint("grpc://10.0.0.7:9090")],
            version: try SemanticVersion("1.2.3"),
            zone: "a",
            weight: 5,
            tags: ["blue"],
            metadata: ["team": "shop", "attr": "{\"weight\":3}"]
        )
    }

    private func round(_ layout: any EtcdLayout, _ instance: ServiceInstance) throws -> ServiceInstance {
        let names = try #require(layout.names(in: layout.key(of: instance)))
        #expect(names.service == instance.service)
        let value = layout.encode(StoredInstance(instance))
        return try layout.decode(value, service: names.service, id: names.id).visible
    }

    @Test("Rollcall's own holds all, under names with any characters")
    func own() throws {
        let layout = RollcallEtcdLayout(prefix: "rollcall", namespace: try Namespace("a/b"))
        for id in ["web-1", "a/b", "größe", "50%", "..", " "] {
            let instance = try self.instance(id)
            #expect(try self.round(layout, instance) == instance)
            #expect(layout.names(in: layout.key(of: instance))?.id == instance.id)
        }
        #expect(layout.root == "/rollcall/a%2Fb/services/")
        #expect(layout.names(in: "/rollcall/a%2Fb/services/web") == nil)
        #expect(layout.names(in: "/rollcall/a%2Fb/services/web/1/2") == nil)
        #expect(layout.names(in: "/rollcall/x/services/web/1") == nil)
    }

    @Test("go-service-link's holds all for Rollcall, and what its programs need for them")
    func goServiceLink() throws {
        let layout = GoServiceLinkLayout()
        let instance = try self.instance()
        #expect(layout.key(of: instance) == "/services/web/web-1")
        #expect(try self.round(layout, instance) == instance)
        let json = Data(layout.encode(StoredInstance(instance)))
        let document = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
        #expect(document["InstanceID"] as? String == "web-1")
        #expect(document["Host"] as? String == "10.0.0.7")
        #expect(document["HTTPPort"] as? String == "8080")
        #expect(document["GRPCPort"] as? String == "9090")
        #expect(document["IsHealthy"] as? Bool == true)
        #expect((document["Metadata"] as? [String: String])?["http_port"] == "8080")
    }

    @Test("go-service-link's records of its own programs are read, whose ports may stand in the metadata alone")
    func goServiceLinkStrangers() throws {
        let text = #"""
            {"InstanceID":"a","Host":"","HTTPPort":"","GRPCPort":"","Metadata":{"host":"::1","hostname":"h","http_port":"80",
            "grpc_port":"90"},"IsHealthy":false,"LastChecked":"0001-01-01T00:00:00Z","FailedChecks":2}
            """#
        let layout = GoServiceLinkLayout()
        let stored = try layout.decode(Array(text.utf8), service: try ServiceName("web"), id: try InstanceID("a"))
        #expect(stored.visible.endpoints.map(\.description) == ["http://[::1]:80", "grpc://[::1]:90"])
        #expect(stored.visible.metadata["hostname"] == "h")
        #expect(stored.visible.status == .passing)
    }

    @Test("discox's holds the endpoint and one text")
    func discox() throws {
        let layout = DiscoxLayout(prefix: "/discox")
        let instance = try self.instance()
        #expect(layout.key(of: instance) == "/discox/web/10.0.0.7:8080")
        #expect(layout.encode(StoredInstance(instance)) == Array("{\"weight\":3}".utf8))
        let read = try self.round(layout, instance)
        #expect(read.id.text == "10.0.0.7:8080")
        #expect(read.endpoints.map(\.description) == ["tcp://10.0.0.7:8080"])
        #expect(read.metadata == ["attr": "{\"weight\":3}"])
        // An endpoint that is a URL has slashes of its own.
        let names = try #require(layout.names(in: "/discox/web/http://10.0.0.7:80/api"))
        let url = try layout.decode([], service: names.service, id: names.id).visible
        #expect(url.endpoints.map(\.description) == ["http://10.0.0.7:80/api"])
    }

    @Test("gRPC's naming holds all for Rollcall, and the address for others; records of others are read")
    func naming() throws {
        let layout = GRPCNamingLayout(prefix: "")
        let instance = try self.instance()
        #expect(layout.key(of: instance) == "web/web-1")
        #expect(try self.round(layout, instance) == instance)
        let document = try JSONSerialization.jsonObject(with: Data(layout.encode(StoredInstance(instance))))
        #expect((document as? [String: Any])?["Addr"] as? String == "10.0.0.7:9090")
        let other = try layout.decode(
            Array(#"{"Op":0,"Addr":"10.0.0.8:1","Metadata":{"a":"b","n":1}}"#.utf8),
            service: instance.service,
            id: instance.id
        )
        #expect(other.visible.endpoint.description == "grpc://10.0.0.8:1")
        #expect(other.visible.metadata == ["a": "b"])
        let bare = try layout.decode(
            Array(#"{"Op":0,"Addr":"10.0.0.8:1","Metadata":null}"#.utf8),
            service: instance.service,
            id: instance.id
        )
        #expect(bare.visible.metadata.isEmpty)
    }

    @Test("an amendment lies over a record and survives its holder's updates, and members that are not known stay")
    func amendment() throws {
        let instance = try self.instance()
        var json = String(decoding: instance.json.dropLast(), as: UTF8.self)
        json += #","future":{"a":[1]},"amendment":{"weight":0}}"#
        var stored = try StoredInstance(json: Array(json.utf8), service: instance.service, id: instance.id)
        #expect(stored.own == instance)
        #expect(stored.visible.weight == 0)
        try stored.amend(InstanceChange(status: .maintenance))
        #expect(String(decoding: stored.json, as: UTF8.self).contains(#""future":{"a":[1]}"#))
        let updated = try stored.updated(to: try instance.applying(InstanceChange(weight: 9, tags: ["green"])))
        #expect(updated.visible.weight == 0)
        #expect(updated.visible.status == .maintenance)
        #expect(updated.visible.tags == ["green"])
        let read = try StoredInstance(json: updated.json, service: instance.service, id: instance.id)
        #expect(read.visible == updated.visible)
    }

    @Test("configuration of go-service-link keeps its keys, and JSON as JSON")
    func configuration() throws {
        let layout = GoServiceLinkConfigLayout(own: "rollcall")
        #expect(layout.path("config/my-app/db") == Array("/config/my-app/db".utf8))
        #expect(layout.key(Array("/config/my-app/db".utf8))?.text == "config/my-app/db")
        let key = try ConfigKey("config/my-app/db")
        for content in [
            ConfigContent("{\"a\":1}", format: .json), ConfigContent("a: 1", format: .yaml), ConfigContent("x"),
        ] {
            let envelope = ConfigEnvelope(ConfigDraft(content, name: "db"), version: 3, modifiedAt: nil)
            let read = try #require(try layout.decode(layout.encode(envelope)))
            #expect(read == envelope)
        }
        let text = #"{"name":"db","version":2,"content":{"host":"h"}}"#
        let other = try #require(try layout.decode(Array(text.utf8)))
        #expect(
            other.entry(key, revision: ConfigRevision("1")).content == ConfigContent("{\"host\":\"h\"}", format: .json)
        )
        #expect(other.version == 2)
        #expect(try layout.decode(Array("hello".utf8)) == nil)
        let binary = ConfigEnvelope(ConfigDraft(ConfigContent(bytes: [0xFF, 0xFE])), version: 1, modifiedAt: nil)
        let error = #expect(throws: BackendError.self) { try layout.encode(binary) }
        #expect(error?.code == .invalidArgument)
    }

    @Test(
        "configuration of go-service-link is neither an instance, nor a lock, nor Rollcall's own",
        arguments: [
            "/services/web/a", "/rollcall/default/locks/x/7f", "/config/db_lock/694d5765fc71500b", "config/db", "/",
        ]
    )
    func noConfiguration(_ path: String) {
        #expect(GoServiceLinkConfigLayout(own: "rollcall").key(Array(path.utf8)) == nil)
    }

    @Test(
        "keys that only resemble others are configuration",
        arguments: ["/servicesx", "/db_lock", "/db_lock/x", "/a/7f"]
    )
    func configurationAfterAll(_ path: String) {
        #expect(GoServiceLinkConfigLayout(own: "rollcall").key(Array(path.utf8))?.text == String(path.dropFirst()))
    }

    @Test(
        "what stands before the keys of a foreign layout is for instances alone, wherever the layout was chosen",
        arguments: ["etcd://a?layout=discox&prefix=%2Fx", "etcd://a?prefix=%2Fx"]
    )
    func prefixes(_ url: String) throws {
        let configuration = EtcdBackend.Configuration(layout: .discox(prefix: "/y"))
        let backend = try EtcdBackend(url: url, configuration: configuration)
        #expect(backend.layout.root == DiscoxLayout(prefix: "/x").root)
        #expect(backend.keys.path("k") == Array("/rollcall/default/config/k".utf8))
        #expect(backend.lockRoot == "/rollcall/default/locks/")
        let own = try EtcdBackend(url: "etcd://a?prefix=x")
        #expect(own.layout.root == "/x/default/services/")
        #expect(own.lockRoot == "/x/default/locks/")
    }

    @Test("rubbish never crashes")
    func fuzz() throws {
        var generator = SplitMix64(seed: 5)
        let instance = try self.instance()
        let layouts: [any EtcdLayout] = [
            RollcallEtcdLayout(prefix: "p", namespace: .default), GoServiceLinkLayout(), DiscoxLayout(prefix: "p"),
            GRPCNamingLayout(prefix: ""),
        ]
        for layout in layouts {
            let value = layout.encode(StoredInstance(instance))
            for _ in 0..<3000 {
                let bytes = Mutation.of(value, using: &generator)
                _ = try? layout.decode(bytes, service: instance.service, id: instance.id)
                let key = Mutation.of(Array(layout.key(of: instance).utf8), using: &generator)
                _ = layout.names(in: String(decoding: key, as: UTF8.self))
            }
        }
    }
}
