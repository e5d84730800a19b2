import Foundation
import Rollcall
import Testing

@Suite("ServiceInstance", .timeLimit(.minutes(1)))
struct ServiceInstanceTests {
    @Test("its JSON has the documented shape")
    func shape() throws {
        let instance = try ServiceInstance(
            service: ServiceName("web"),
            id: InstanceID("web-1"),
            endpoints: [Endpoint("http://10.0.0.7:8080"), Endpoint("grpc://10.0.0.7:9090")],
            version: SemanticVersion("1.4.2"),
            zone: "a",
            tags: ["blue"],
            metadata: ["team": "shop"],
            requires: [ServiceName("log")],
            registeredAt: Date(timeIntervalSince1970: 1_795_246_200.123)
        )
        let expected = """
            {"schema":1,"service":"web","id":"web-1","endpoints":["http://10.0.0.7:8080","grpc://10.0.0.7:9090"],\
            "version":"1.4.2","zone":"a","weight":1,"tags":["blue"],"metadata":{"team":"shop"},\
            "status":"passing","requires":["log"],"registeredAt":"2026-11-21T07:30:00.123Z"}
            """
        #expect(String(decoding: instance.json, as: UTF8.self) == expected)
        #expect(try ServiceInstance(json: instance.json) == instance)
        #expect(instance.endpoint(scheme: "grpc")?.port == 9090)
        #expect(instance.endpoint.port == 8080)
    }

    @Test("only endpoints are needed where the address names the rest; unknown fields and nulls do not matter")
    func minimal() throws {
        let json =
            #" { "endpoints" : [ "http://a:1" ] , "new":{"x":[1,2.5e3,true,false,null,"\u00e9"]}, "zone":null } "#
        let instance = try ServiceInstance(json: json.utf8, service: ServiceName("web"), id: InstanceID("x"))
        #expect(instance.weight == 1)
        #expect(instance.status == .passing)
        #expect(instance.zone == nil)
    }

    @Test("a status that this version does not know is not passing")
    func unknownStatus() throws {
        let json = #"{"service":"web","id":"x","endpoints":["http://a:1"],"status":"sparkling"}"#
        #expect(try ServiceInstance(json: json.utf8).status == .critical)
        var reader = JSONReader(json.utf8)
        let error = #expect(throws: ValidationError.self) {
            try ServiceInstance.read(from: &reader, service: nil, id: nil, isStored: false)
        }
        #expect(error?.field == "status", "who asks for it now is told")
    }

    @Test("a required service is kept once, in the order in which it was named")
    func requiredOnce() throws {
        let names = try ["mail", "log", "mail", "log"].map { try ServiceName($0) }
        let instance = try ServiceInstance(
            service: ServiceName("web"),
            endpoints: [Endpoint("http://127.0.0.1:80")],
            requires: names + Array(repeating: names[0], count: ServiceInstance.maximumTags)
        )
        #expect(instance.requires.map(\.text) == ["mail", "log"])
    }

    @Test(
        "bad JSON is refused, and the error names the field",
        arguments: [
            (#"{"endpoints":["http://a:1","nonsense"]}"#, "endpoints[1]"),
            (#"{"endpoints":"http://a:1"}"#, "endpoints"),
            (#"{"endpoints":[]}"#, "endpoints"),
            (#"{}"#, "endpoints"),
            (#"{"endpoints":["http://a:1"],"weight":-1}"#, "weight"),
            (#"{"endpoints":["http://a:1"],"weight":1.5}"#, "weight"),
            (#"{"endpoints":["http://a:1"],"weight":1e99}"#, "weight"),
            (#"{"endpoints":["http://a:1"],"weight":99999999999999999999}"#, "weight"),
            (#"{"endpoints":["http://a:1"],"weight":"1"}"#, "weight"),
            (#"{"endpoints":["http://a:1"],"tags":[1]}"#, "tags[0]"),
            (#"{"endpoints":["http://a:1"],"tags":[""]}"#, "tags[0]"),
            (#"{"endpoints":["http://a:1"],"metadata":{"k":1}}"#, "metadata.k"),
            (#"{"endpoints":["http://a:1"],"metadata":{"k":"\u0001"}}"#, "metadata.k"),
            (#"{"endpoints":["http://a:1"],"version":"x"}"#, "version"),
            (#"{"endpoints":["http://a:1"],"requires":["a*"]}"#, "requires[0]"),
            (#"{"endpoints":["http://a:1"],"registeredAt":"today"}"#, "registeredAt"),
            (#"{"endpoints":["http://a:1"],"service":"other"}"#, "service"),
            (#"{"endpoints":["http://a:1"],"id":"other"}"#, "id"),
            (#"{"endpoints":["http://a:1"],"schema":2}"#, "schema"),
            (#"{"endpoints":["http://a:1"]}x"#, ""),
            (#"{"endpoints":["http://a:1"],}"#, ""),
            (#"["endpoints"]"#, ""),
            ("", ""),
        ]
    )
    func badJSON(_ json: String, _ field: String) throws {
        let service = try ServiceName("web")
        let id = try InstanceID("x")
        let error = #expect(throws: ValidationError.self) {
            try ServiceInstance(json: json.utf8, service: service, id: id)
        }
        #expect(error?.field == field)
    }

    @Test("the limits are 32 tags, 48 pairs of metadata and 8 KiB")
    func limits() throws {
        #expect(try Self.make(tags: (0..<32).map(String.init)).tags.count == 32)
        #expect(throws: ValidationError.self) { try Self.make(tags: (0..<33).map(String.init)) }
        let pairs = { (count: Int) in Dictionary(uniqueKeysWithValues: (0..<count).map { ("k\($0)", "v") }) }
        #expect(try Self.make(metadata: pairs(48)).metadata.count == 48)
        let error = #expect(throws: ValidationError.self) { try Self.make(metadata: pairs(49)) }
        #expect(error?.field == "metadata")
        #expect(error?.limit == 48)
        let large = #expect(throws: ValidationError.self) {
            try Self.make(metadata: ["k": String(repeating: "x", count: 8192)])
        }
        #expect(large?.limit == 8192)
    }

    @Test("an instance at the limit can still be read when it carries its time of registration")
    func limitWithTime() throws {
        // Counted as if its status were the longest, so that it can still turn to that.
        let empty = try Self.make(metadata: ["k": ""]).json.count + 4
        let full = try Self.make(metadata: ["k": String(repeating: "x", count: 8192 - empty)])
        #expect(throws: ValidationError.self) {
            try Self.make(metadata: ["k": String(repeating: "x", count: 8193 - empty)])
        }
        #expect(try full.applying(InstanceChange(status: .maintenance)).json.count == 8192)
        let registered = full.registered(at: Date())
        #expect(registered.json.count > 8192)
        #expect(try ServiceInstance(json: registered.json) == registered)
    }

    @Test(
        "a time that JSON cannot hold is left out",
        arguments: [-1e14, 1e14, .infinity, -.infinity, .nan] as [Double]
    )
    func impossibleTime(_ seconds: Double) throws {
        let instance = try Self.make().registered(at: Date(timeIntervalSince1970: seconds))
        #expect(instance.registeredAt == nil)
        #expect(try ServiceInstance(json: instance.json) == instance)
    }

    @Test("tags are in order and each is kept once")
    func tags() throws {
        #expect(try Self.make(tags: ["b", "a", "b"]).tags == ["a", "b"])
    }

    @Test("a change sets what it names and removes metadata that it sets to nil")
    func changes() throws {
        let instance = try Self.make(metadata: ["keep": "1", "drop": "2"])
        let change = InstanceChange(status: .warning, metadata: ["drop": nil, "new": "3"])
        let changed = try instance.applying(change)
        #expect(changed.metadata == ["keep": "1", "new": "3"])
        #expect(changed.status == .warning)
        #expect(changed.weight == 1)
        let later = InstanceChange(weight: 0, metadata: ["drop": "back"])
        #expect(change.merging(later).status == .warning)
        #expect(try instance.applying(change.merging(later)).metadata["drop"] == "back")
        #expect(throws: ValidationError.self) { try instance.applying(InstanceChange(weight: 65536)) }
    }

    @Test("the caller's metadata wins over the automatic")
    func automaticMetadata() throws {
        let instance = try Self.make(metadata: ["hostname": "mine"])
        #expect(try instance.addingMetadata(ServiceInstance.automaticMetadata).metadata["hostname"] == "mine")
        #expect(try Self.make().addingMetadata(["hostname": "x"]).metadata["hostname"] == "x")
        #expect(!ServiceInstance.localHostName.isEmpty)
    }

    static func make(tags: [String] = [], metadata: [String: String] = [:]) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName("web"),
            id: InstanceID("x"),
            endpoints: [Endpoint("http://a:1")],
            tags: tags,
            metadata: metadata
        )
    }
}
