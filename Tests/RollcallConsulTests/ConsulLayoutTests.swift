import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite("Layouts of Consul")
struct ConsulLayoutTests {
    private func instance(_ endpoints: String...) throws -> ServiceInstance {
        try .sample(
            "web-1",
            endpoints: endpoints.isEmpty ? ["grpc://10.0.0.7:9090", "http://10.0.0.7:8080"] : endpoints,
            tags: ["blue"],
            metadata: ["hostname": "a7", "host": "mine", "team": "shop"]
        )
    }

    private func document(_ layout: any ConsulLayout, _ instance: ServiceInstance) throws -> [String: Any] {
        let registration = Registration(
            id: layout.rawID(of: instance),
            name: layout.name(of: instance.service),
            instance: instance,
            nonce: "00ff",
            ttl: .seconds(10),
            layout: layout,
            agentCheck: try layout.agentCheck(nil)?.target(in: instance)
        )
        return try #require(try JSONSerialization.jsonObject(with: Data(registration.json)) as? [String: Any])
    }

    /// What readers make of a service as Consul answers it.
    private func read(_ layout: any ConsulLayout, _ service: String, checks: String = "[]") throws -> InstanceRecord? {
        let json = #"[{"Node":{"Node":"n1","Address":"10.9.9.9"},"Service":\#(service),"Checks":\#(checks)}]"#
        let records = try HealthRecord.list(json: Array(json.utf8))
        return ServiceReading.records(records, of: try ServiceName("web"), layout: layout).values.first
    }

    @Test("go-service-link's programs find what they look for in what Rollcall writes")
    func goServiceLink() throws {
        let document = try self.document(GoServiceLinkLayout(), try self.instance())
        #expect(document["ID"] as? String == "web-1" && document["Name"] as? String == "web")
        #expect(document["Address"] as? String == "10.0.0.7" && document["Port"] as? Int == 8080)
        let meta = try #require(document["Meta"] as? [String: String])
        #expect(meta["host"] == "10.0.0.7" && meta["hostname"] == "a7")
        #expect(meta["http_port"] == "8080" && meta["grpc_port"] == "9090")
        let check = try #require((document["Checks"] as? [[String: Any]])?.first)
        #expect(check["CheckID"] as? String == "service:web-1")
        #expect(check["TTL"] as? String == "11000ms")
        #expect(check["DeregisterCriticalServiceAfter"] as? String == "20000ms")
        let grpc = try self.document(GoServiceLinkLayout(), try self.instance("grpc://10.0.0.7:9090"))
        #expect((grpc["Meta"] as? [String: String])?["http_port"] == "")
    }

    @Test("what go-service-link's programs write is read, ports and host from the metadata first")
    func goServiceLinkStrangers() throws {
        let layout = GoServiceLinkLayout()
        let meta = #"{"hostname":"a7","host":"10.0.0.7","http_port":"8080","grpc_port":"9090"}"#
        let text = #"{"ID":"web-1","Service":"web","Tags":[],"Address":"10.0.0.7","Port":8080,"Meta":\#(meta)}"#
        let record = try #require(try self.read(layout, text))
        #expect(record.instance.id.text == "web-1" && record.nonce == nil)
        #expect(record.instance.endpoints.map(\.description) == ["http://10.0.0.7:8080", "grpc://10.0.0.7:9090"])
        #expect(record.instance.metadata["hostname"] == "a7")
        // Only the agent knows the host; no port at all is none of its records.
        let bare = #"{"ID":"a","Service":"web","Address":"","Port":0,"Meta":{"http_port":"","grpc_port":"90"}}"#
        #expect(try self.read(layout, bare)?.instance.endpoints.map(\.description) == ["grpc://10.9.9.9:90"])
        let none = #"{"ID":"a","Service":"web","Address":"h","Port":0,"Meta":{"http_port":"","grpc_port":""}}"#
        #expect(try self.read(layout, none) == nil)
        let plain = #"{"ID":"a","Service":"web","Address":"h","Port":7,"Meta":{"http_port":"x y"}}"#
        #expect(try self.read(layout, plain)?.instance.endpoints.map(\.description) == ["http://h:7"])
        // A check that ran out is a holder who is gone; one that somebody failed is a failure.
        func check(_ output: String) -> String {
            #"[{"CheckID":"service:web-1","Status":"critical","Output":"\#(output)","ServiceID":"web-1"}]"#
        }
        #expect(try self.read(layout, text, checks: check("TTL expired")) == nil)
        #expect(try self.read(layout, text, checks: check("disk"))?.shown(with: nil).status == .critical)
        #expect(try self.read(RollcallConsulLayout(), text, checks: check("TTL expired")) != nil)
    }

    @Test("discox's programs find what they look for in what Rollcall writes")
    func discox() throws {
        let instance = try self.instance("http://10.0.0.7:8080")
        let document = try self.document(DiscoxLayout(), instance)
        #expect(document["ID"] as? String == "web_10.0.0.7" && document["Name"] as? String == "web")
        #expect(document["Address"] as? String == "10.0.0.7" && document["Port"] as? Int == 8080)
        #expect((document["Meta"] as? [String: String])?["team"] == "shop")
        let checks = try #require(document["Checks"] as? [[String: Any]])
        let check = try #require(checks.first { $0["HTTP"] != nil })
        #expect(check["HTTP"] as? String == "http://10.0.0.7:8080/check")
        #expect(check["Interval"] as? String == "2000ms" && check["Timeout"] as? String == "2000ms")
        #expect(check["DeregisterCriticalServiceAfter"] as? String == "30000ms")
        #expect(check["CheckID"] as? String == "service:web_10.0.0.7")
        #expect(checks.contains { $0["CheckID"] as? String == "rollcall-lease-00ff" })
        let error = #expect(throws: ValidationError.self) {
            try self.document(DiscoxLayout(), try self.instance("grpc://10.0.0.7:8080"))
        }
        #expect(error?.field == "agentCheck")
        let text =
            #"{"ID":"web_10.0.0.8","Service":"web","Tags":[],"Address":"10.0.0.8","Port":80,"Meta":{"weight":"3"}}"#
        let record = try #require(try self.read(DiscoxLayout(), text))
        #expect(record.instance.endpoint.description == "http://10.0.0.8:80")
        #expect(record.instance.id.text == "web_10.0.0.8" && record.instance.metadata == ["weight": "3"])
    }

    @Test(
        "Rollcall's readers find the whole instance in every layout",
        arguments: [RollcallConsulLayout(), GoServiceLinkLayout(), DiscoxLayout()] as [any ConsulLayout]
    )
    func whole(_ layout: any ConsulLayout) throws {
        for id in ["web-1", "a/b", "größe", "50%", "\"", " "] {
            let instance = try ServiceInstance.sample(id, weight: 4, tags: ["x"], metadata: ["host": "h", "a": "b"])
            let registration = Registration(
                id: layout.rawID(of: instance),
                name: layout.name(of: instance.service),
                instance: instance,
                nonce: "1",
                ttl: .seconds(10),
                layout: layout
            )
            let record = try #require(try HealthRecord.list(json: answered(registration)).first)
            let read = try #require(InstanceRecord(record, service: instance.service, layout: layout))
            #expect(read.instance == instance && read.nonce == "1" && !read.isExpired)
            #expect(layout.service(named: layout.name(of: instance.service)) == instance.service)
        }
    }

    @Test("configuration of go-service-link keeps its keys, and is no lock and nothing of Rollcall's own")
    func configuration() throws {
        let layout = ConsulConfigLayout.goServiceLink(own: "rollcall/")
        let key = try ConfigKey("/config/my-app/db.yaml")
        #expect(layout.stored(key) == "config/my-app/db.yaml")
        var entry = KeyValueEntry()
        entry.key = "config/my-app/db.yaml"
        #expect(layout.key(of: entry) == key)
        entry.flags = ConsulBackend.lockFlags
        #expect(layout.key(of: entry) == nil)
        (entry.key, entry.flags) = ("rollcall/default/locks/a", 0)
        #expect(layout.key(of: entry) == nil)
        for content in [ConfigContent(#"{"a":1}"#, format: .json), ConfigContent("a: 1", format: .yaml)] {
            let envelope = ConfigEnvelope(ConfigDraft(content, name: "db"), version: 3, modifiedAt: nil)
            #expect(try layout.decode(try layout.encode(envelope)) == envelope)
        }
        let binary = ConfigEnvelope(ConfigDraft(ConfigContent(bytes: [0xFF])), version: 1, modifiedAt: nil)
        let refused = #expect(throws: BackendError.self) { try layout.encode(binary) }
        #expect(refused?.code == .invalidArgument)
        let quotes = ConfigContent(String(repeating: "\"", count: 300 << 10))
        let large = ConfigEnvelope(ConfigDraft(quotes), version: 1, modifiedAt: nil)
        let error = #expect(throws: BackendError.self) { try layout.encode(large) }
        #expect(error?.code == .tooLarge && error?.limit == 512 << 10)
    }

    @Test(
        "any key has a path that means it and nothing else",
        arguments: [
            ("config/a,2Eb-c_d.e", "/v1/kv/config/a,2Eb-c_d.e"), ("a b%/c", "/v1/kv/a%20b%25%2Fc"),
            ("a//b", "/v1/kv/a%2F%2Fb"), ("x/../y", "/v1/kv/x%2F..%2Fy"), (".", "/v1/kv/%2E"), ("..", "/v1/kv/%2E%2E"),
            ("a/", "/v1/kv/a/"), ("", "/v1/kv/"),
        ]
    )
    func paths(_ key: String, _ path: String) {
        #expect(ConsulBackend.path(ofKey: key) == path)
    }

    @Test("values that the language of filters cannot hold are not filtered by")
    func filters() {
        #expect(FilterText.equality("ID", "a b").map(\.1) == [#"ID == "a b""#])
        #expect(FilterText.equality("ID", #"a"\"#).map(\.1) == [#"ID == `a"\`"#])
        #expect(FilterText.equality("ID", "`\"").isEmpty)
        #expect(FilterText.equality("ID", "`").map(\.1) == ["ID == \"`\""])
    }

    @Test("a URL names a layout, and a name of none is an error that lists them")
    func url() throws {
        let url = try ConsulURL("consul://a?layout=goServiceLink", configuration: .init())
        #expect(url.configuration.layout == .goServiceLink)
        let error = #expect(throws: BackendError.self) { try ConsulBackend(url: "consul://a?layout=curator") }
        #expect(error?.message.contains("layout") == true && error?.message.contains("discox") == true)
    }

    @Test("rubbish never crashes")
    func fuzz() throws {
        var generator = SplitMix64(seed: 7)
        let text =
            #"[{"Node":{"Node":"n"},"Service":{"ID":"a","Service":"web","Address":"h","Port":1,"Meta":{"http_port":"80","host":"h","grpc_port":"1"}},"Checks":[]}]"#
        let config = Array(#"{"name":"a","version":2,"content":{"x":[1]},"contentType":"application/json"}"#.utf8)
        let service = try ServiceName("web")
        for _ in 0..<5000 {
            if let records = try? HealthRecord.list(json: Mutation.of(Array(text.utf8), using: &generator)) {
                for layout in [GoServiceLinkLayout(), DiscoxLayout()] as [any ConsulLayout] {
                    _ = ServiceReading.records(records, of: service, layout: layout)
                }
            }
            _ = try? GoServiceLinkDocument.decode(Mutation.of(config, using: &generator))
        }
    }
}
