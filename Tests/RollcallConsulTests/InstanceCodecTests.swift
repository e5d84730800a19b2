import Foundation
import Rollcall
import Testing

@testable import RollcallConsul

@Suite("Instances as Consul's records")
struct InstanceCodecTests {
    private func read(_ json: [UInt8], isQualified: Bool = false) throws -> InstanceRecord? {
        let records = try HealthRecord.list(json: json)
        #expect(records.count == 1)
        return try records.first.flatMap {
            try InstanceRecord(
                $0,
                service: ServiceName("web"),
                layout: RollcallConsulLayout(),
                isQualified: isQualified
            )
        }
    }

    private static func pairs(_ count: Int, _ value: String) -> [String: String] {
        Dictionary(uniqueKeysWithValues: (0..<count).map { ("k\($0)", value) })
    }

    private static let instances: [ServiceInstance] = [
        try? .sample(),
        try? .sample("Über/ALLES?", endpoints: ["grpc://[2001:db8::1]:9090/x", "http://h:1", "http://h:2"], weight: 0),
        try? .sample(endpoints: ["unix:///run/web.sock"], tags: ["b", "a,c", "é"], status: .maintenance),
        try? .sample(endpoints: ["http://0.0.0.0:80"], weight: 65535, status: .warning),
        try? .sample(metadata: ["a b": "x", "é": "y", "consul-x": "1", "rollcall-lease": "2", "ok": "\"quoted\""]),
        try? .sample(metadata: ["long": String(repeating: "日本語", count: 600)]),
        try? .sample(metadata: pairs(48, String(repeating: "v", count: 120)), status: .critical),
    ].compactMap(\.self)

    @Test("every instance comes back as it was", arguments: Self.instances)
    func roundTrip(_ instance: ServiceInstance) throws {
        let instance = instance.registered(at: Date(timeIntervalSince1970: 1_700_000_000.125))
        let record = try #require(try self.read(answered(.sample(instance))))
        #expect(record.instance == instance)
        #expect(record.nonce == "00ff")
        #expect(record.binding == "00ff")
        #expect(record.ttl == .seconds(10))
        #expect(!record.isExpired)
        #expect(record.stamp == 1_700_000_000_125)
        #expect(record.shown(with: nil) == instance)
    }

    @Test("checks of a registration that was replaced say nothing of the one that is there")
    func replaced() throws {
        let instance = try ServiceInstance.sample()
        func shown(_ check: String) throws -> HealthStatus? {
            let more = #",{"CheckID":"\#(check)","Status":"critical","Output":"TTL expired","ServiceID":"x"}"#
            return try self.read(answered(.sample(instance), more: more))?.shown(with: nil).status
        }
        for check in ["rollcall-lease-ff", "rollcall-agent-ff", "rollcall-status-ff-drained", "rollcall-status-00ff-x"]
        {
            #expect(try shown(check) == .passing)
        }
        for check in ["rollcall-agent-00ff", "service:web--one", "disk"] {
            #expect(try shown(check) == .critical)
        }
    }

    @Test("what is sent keeps Consul's limits", arguments: Self.instances)
    func limits(_ instance: ServiceInstance) throws {
        let meta = Registration.sample(instance.registered(at: Date())).meta
        #expect(meta.count <= 64)
        for (key, value) in meta {
            #expect(value.utf8.count <= 512)
            #expect(key.utf8.count <= 128 && !key.hasPrefix("consul-"))
            #expect(key.utf8.allSatisfy { $0.isPlainAlphanumeric || "-_".utf8.contains($0) })
        }
    }

    @Test("all that fits is where every user of Consul looks for it")
    func plain() throws {
        let instance = try ServiceInstance.sample(
            endpoints: ["http://10.0.0.7:8080", "grpc://10.0.0.7:9090"],
            weight: 5,
            tags: ["blue"],
            metadata: ["team": "shop", "a b": "x"]
        )
        let sent = String(decoding: Registration.sample(instance).json, as: UTF8.self)
        #expect(sent.contains(#""ID":"web--one","Name":"web","Address":"10.0.0.7","Port":8080,"Tags":["blue"]"#))
        #expect(sent.contains(#""team":"shop""#) && sent.contains(#""version":"1.2.3","zone":"eu-1""#))
        #expect(sent.contains(#""grpc":{"Address":"10.0.0.7","Port":9090}"#))
        #expect(sent.contains(#""Weights":{"Passing":5,"Warning":5}"#))
        #expect(sent.contains(#""TTL":"10000ms","Status":"passing","DeregisterCriticalServiceAfter":"60000ms""#))
        #expect(!sent.contains("rollcall-status"))
    }

    @Test(
        "who wants no calls tells it to others, too",
        arguments: [
            (HealthStatus.maintenance, 1, "critical"), (.critical, 1, "critical"), (.warning, 1, "warning"),
            (.passing, 0, "critical"), (.warning, 0, "critical"),
        ]
    )
    func warnings(_ status: HealthStatus, _ weight: Int, _ check: String) throws {
        let instance = try ServiceInstance.sample(weight: weight, status: status)
        let sent = String(decoding: Registration.sample(instance).json, as: UTF8.self)
        #expect(sent.contains(#""TTL":"87600h","Status":"\#(check)""#))
        // No weight of Consul is 0.
        #expect(sent.contains(#""Weights":{"Passing":1,"Warning":1}"#))
        // Its own check says nothing new to Rollcall.
        let own = #",{"CheckID":"rollcall-status-00ff-x","Status":"critical"}"#
        #expect(try self.read(answered(.sample(instance), more: own))?.shown(with: nil) == instance)
    }

    @Test("a lease that ran out is told from one that somebody set critical")
    func expiry() throws {
        let registration = Registration.sample(try .sample())
        let expired = try #require(try self.read(answered(registration, status: "critical", output: "TTL expired")))
        #expect(expired.isExpired)
        let last = "TTL expired (last output before timeout follows): ok"
        #expect(try self.read(answered(registration, status: "critical", output: last))?.isExpired == true)
        let set = try #require(try self.read(answered(registration, status: "critical", output: "disk full")))
        #expect(!set.isExpired)
        #expect(set.shown(with: nil).status == .critical)
        let warning = try self.read(answered(registration, status: "warning", output: "TTL expired"))
        #expect(warning?.isExpired == false && warning?.shown(with: nil).status == .warning)
    }

    @Test(
        "checks of others make it worse, never better",
        arguments: [
            (#","CheckID":"_service_maintenance:web--one","Status":"critical""#, HealthStatus.maintenance),
            (#","CheckID":"_node_maintenance","Status":"critical""#, .maintenance),
            (#","CheckID":"http","Status":"warning""#, .warning),
            (#","CheckID":"http","Status":"critical""#, .critical),
            (#","CheckID":"http","Status":"what","#.dropLast().description, .critical),
            (#","CheckID":"http","Status":"passing""#, .passing),
        ]
    )
    func checks(_ members: String, _ expected: HealthStatus) throws {
        let more = ",{\(members.dropFirst())}"
        let record = try #require(try self.read(answered(.sample(try .sample()), more: more)))
        #expect(record.shown(with: nil).status == expected)
        let drained = try #require(try self.read(answered(.sample(try .sample(status: .maintenance)), more: more)))
        #expect(drained.shown(with: nil).status == .maintenance)
    }

    @Test("an amendment counts for the lease that it was made for")
    func amendments() throws {
        let record = try #require(try self.read(answered(.sample(try .sample(metadata: ["a": "1"])))))
        let change = InstanceChange(status: .warning, weight: 0, metadata: ["a": nil, "why": "test"])
        let amendment = try Amendment(json: Amendment(binding: "00ff", change: change).json)
        #expect(amendment == Amendment(binding: "00ff", change: change))
        let shown = record.shown(with: amendment)
        #expect(shown.status == .warning && shown.weight == 0 && shown.metadata == ["why": "test"])
        #expect(record.shown(with: Amendment(binding: "other", change: change)) == record.instance)
        // What does not fit any more leaves status and weight.
        let much = InstanceChange(weight: 3, tags: (0..<40).map { "t\($0)" })
        #expect(record.shown(with: Amendment(binding: "00ff", change: much)).weight == 3)
    }
}
