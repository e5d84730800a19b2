import Foundation
import Rollcall
import Testing

@testable import RollcallConsul

@Suite("Records of other programs")
struct ForeignRecordTests {
    private func read(
        _ service: String,
        node: String = "n1",
        checks: String = "[]",
        layout: any ConsulLayout = RollcallConsulLayout()
    ) throws -> InstanceRecord? {
        let json = #"[{"Node":{"Node":"\#(node)","Address":"10.9.9.9"},"Service":\#(service),"Checks":\#(checks)}]"#
        let record = try #require(try HealthRecord.list(json: Array(json.utf8)).first)
        return InstanceRecord(record, service: try ServiceName("web"), layout: layout)
    }

    @Test("a plain registration is an instance")
    func plain() throws {
        let record = try #require(
            try self.read(
                """
                {"ID":"web-1","Service":"web","Tags":["b","a"],"Address":"","Meta":{"version":"2.0.0","team":"x"},
                "Port":8080,"Weights":{"Passing":10,"Warning":1},"EnableTagOverride":false,"CreateIndex":42,
                "TaggedAddresses":{"lan_ipv4":{"Address":"10.9.9.9","Port":8080}},"Proxy":{"Mode":""},"New":[{"x":1}]}
                """,
                checks: #"[{"CheckID":"service:web-1","Status":"warning","Output":"slow"}]"#
            )
        )
        let instance = record.shown(with: nil)
        #expect(instance.id.text == "web-1")
        #expect(instance.endpoints.map(\.description) == ["http://10.9.9.9:8080"])
        #expect(instance.tags == ["a", "b"] && instance.weight == 10 && instance.version?.description == "2.0.0")
        #expect(instance.metadata == ["team": "x", "version": "2.0.0"] && instance.status == .warning)
        #expect(record.nonce == nil && record.binding == "index-42" && !record.isExpired)
        let change = InstanceChange(status: .maintenance)
        #expect(record.shown(with: Amendment(binding: "index-42", change: change)).status == .maintenance)
    }

    @Test("nothing and null stand for each other")
    func null() throws {
        let service = """
            {"ID":"a","Service":"web","Tags":null,"Meta":null,"Port":80,"Weights":null,"TaggedAddresses":null,
            "Address":null}
            """
        #expect(try self.read(service, checks: "null")?.instance.endpoint.description == "http://10.9.9.9:80")
        #expect(try HealthRecord.list(json: Array("null".utf8)).isEmpty)
        #expect(try HealthRecord.list(json: Array("[]".utf8)).isEmpty)
    }

    @Test("tagged addresses by scheme, in both spellings and as URLs")
    func tagged() throws {
        let kratos = #"{"grpc":{"Address":"grpc://10.0.0.1:9000","Port":9000},"lan":{"Address":"10.0.0.1","Port":1}}"#
        let record = try self.read(
            #"{"ID":"a","Service":"web","Address":"10.0.0.1","Port":9000,"TaggedAddresses":\#(kratos)}"#
        )
        #expect(record?.instance.endpoints.map(\.description) == ["grpc://10.0.0.1:9000"])
        let lower =
            #"{"ws":{"address":"h","port":7},"virtual":{"Address":"240.0.0.1","Port":1},"b d":{"Address":"h","Port":1}}"#
        let other = try self.read(#"{"ID":"a","Service":"web","Address":"h","Port":1,"TaggedAddresses":\#(lower)}"#)
        #expect(other?.instance.endpoints.map(\.description) == ["http://h:1", "ws://h:7"])
        let scheme = try self.read(#"{"ID":"a","Service":"web","Address":"h","Port":1,"Meta":{"scheme":"tcp"}}"#)
        #expect(scheme?.instance.endpoint.description == "tcp://h:1")
    }

    @Test(
        "what is no instance is passed over",
        arguments: [
            #"{"ID":"a","Service":"web","Address":"h","Port":0}"#, #"{"ID":"a","Service":"web","Address":"h"}"#,
            #"{"ID":"a*","Service":"web","Address":"h","Port":1}"#,
            #"{"ID":"a","Service":"web","Address":"h/x","Port":1}"#,
            #"{"ID":"a","Service":"web","Address":"h","Port":70000}"#,
        ]
    )
    func noInstance(_ service: String) throws {
        #expect(try self.read(service) == nil)
    }

    @Test("too much of anything leaves the address")
    func tooMuch() throws {
        let tags = (0..<60).map { "\"t\($0)\"" }.joined(separator: ",")
        let pairs = (0..<64).map { "\"k\($0)\":\"\(String(repeating: "v", count: 500))\"" }.joined(separator: ",")
        let record = try self.read(
            #"{"ID":"a","Service":"web","Address":"h","Port":1,"Tags":[\#(tags)],"Meta":{\#(pairs)}}"#
        )
        #expect(record?.instance.endpoint.description == "http://h:1")
        let short = try self.read(#"{"ID":"a","Service":"web","Address":"h","Port":1,"Tags":[\#(tags)]}"#)
        #expect(short?.instance.tags.count == 32)
    }

    @Test("a record of Rollcall whose JSON is damaged is one of another program")
    func damaged() throws {
        let meta = #"{"rollcall-lease":"n","rollcall-id":"Mine","rollcall-json-0":"{\"schema\":1,"}"#
        let record = try self.read(#"{"ID":"web--x","Service":"web","Address":"h","Port":1,"Meta":\#(meta)}"#)
        #expect(record?.nonce == nil && record?.instance.id.text == "Mine" && record?.instance.metadata == [:])
    }

    @Test("of one id on two agents the last registration counts, of other programs both do, and case matters")
    func together() throws {
        let service = try ServiceName("web")
        func own(_ nonce: String, node: String, at seconds: Double, status: String = "passing") throws -> [HealthRecord]
        {
            let instance = try ServiceInstance.sample().registered(at: Date(timeIntervalSince1970: seconds))
            let output = status == "critical" ? "TTL expired" : ""
            return try HealthRecord.list(
                json: answered(.sample(instance, nonce: nonce), node: node, status: status, output: output)
            )
        }
        func read(_ records: [HealthRecord]) -> [InstanceID: InstanceRecord] {
            ServiceReading.records(records, of: service, layout: RollcallConsulLayout())
        }
        let (older, newer) = (try own("a", node: "n1", at: 100), try own("b", node: "n2", at: 101))
        #expect(read(older + newer).values.map(\.nonce) == ["b"])
        #expect(read(newer + older).values.map(\.nonce) == ["b"])
        let dead = try own("b", node: "n2", at: 101, status: "critical")
        #expect(read(older + dead).values.map(\.nonce) == ["a"])
        #expect(read(dead).isEmpty)
        func plain(_ service: String, node: String) throws -> [HealthRecord] {
            try HealthRecord.list(
                json: Array(
                    #"[{"Node":{"Node":"\#(node)"},"Service":{"ID":"\#(service)","Service":"\#(service)","Address":"h","Port":1}}]"#
                        .utf8
                )
            )
        }
        let both = try plain("web", node: "n1") + plain("web", node: "n2") + plain("WEB", node: "n3")
        #expect(read(both).keys.map(\.text).sorted() == ["web@n1", "web@n2"])
        #expect(read(try plain("web", node: "n1")).keys.map(\.text) == ["web"])
    }
}
