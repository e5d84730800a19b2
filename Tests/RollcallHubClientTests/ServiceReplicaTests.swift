import Rollcall
import Testing

@testable import RollcallHubClient

@Suite("What a stream has told of a service", .serialized)
struct ServiceReplicaTests {
    private static func json(_ ids: [String], of service: String = "web") throws -> String {
        try ids.map { String(decoding: try ServiceInstance.sample($0, of: service).json, as: UTF8.self) }
            .joined(separator: ",")
    }

    private static func snapshot(_ revision: Int, _ ids: String...) throws -> [UInt8] {
        Array("{\"service\":\"web\",\"revision\":\(revision),\"instances\":[\(try self.json(ids))]}".utf8)
    }

    private static func delta(_ from: Int, _ to: Int, _ ids: [String] = [], gone: [String] = []) throws -> [UInt8] {
        let removed = gone.map { #"{"id":"\#($0)","reason":"expired"}"# }.joined(separator: ",")
        let text =
            #"{"service":"web","from":\#(from),"to":\#(to),"upserts":[\#(try self.json(ids))],"removed":[\#(removed)]}"#
        return Array(text.utf8)
    }

    private static func replica() throws -> ServiceReplica { ServiceReplica(service: try ServiceName("web")) }

    private static func ids(_ snapshot: ServiceSnapshot?) -> [String]? { snapshot?.instances.map(\.id.text) }

    @Test("a snapshot, then deltas, each with a revision of its own")
    func sequence() throws {
        var replica = try Self.replica()
        #expect(!replica.hasSnapshot)
        let first = try replica.accept("snapshot", id: "e1.4", data: Self.snapshot(4, "b", "a"))
        #expect(Self.ids(first) == ["a", "b"])
        #expect(first?.revision == 1)
        #expect(replica.epoch == "e1")
        #expect(replica.hubRevision == 4)
        let second = try replica.accept("delta", id: "e1.7", data: Self.delta(4, 7, ["c"], gone: ["a"]))
        #expect(Self.ids(second) == ["b", "c"])
        #expect(second?.departed == [try InstanceID("a"): .expired])
        #expect(second?.revision == 2)
        #expect(replica.hubRevision == 7)
        #expect(try replica.accept("services", id: nil, data: []) == nil)
        let third = try replica.accept("snapshot", id: "e2.1", data: Self.snapshot(1, "c"))
        #expect(third?.departed == [try InstanceID("b"): .unknown])
        #expect(third?.revision == 3)
        #expect(replica.epoch == "e2")
        #expect(replica.hubRevision == 1)
        let stale = replica.snapshot(freshness: .stale(since: TimeSource().now))
        #expect(Self.ids(stale) == ["c"])
        #expect(stale.revision == 4)
    }

    @Test("an empty first snapshot is one")
    func empty() throws {
        var replica = try Self.replica()
        #expect(Self.ids(try replica.accept("snapshot", id: "e1.0", data: Self.snapshot(0))) == [])
        #expect(replica.hasSnapshot)
    }

    @Test("a delta that does not fit changes nothing and is a violation")
    func gaps() throws {
        var fresh = try Self.replica()
        #expect(throws: BackendError.self) { try fresh.accept("delta", id: nil, data: Self.delta(0, 1, ["a"])) }
        #expect(!fresh.hasSnapshot)
        var replica = try Self.replica()
        _ = try replica.accept("snapshot", id: "e1.4", data: Self.snapshot(4, "a"))
        for (from, to) in [(3, 5), (5, 6), (0, 1)] {
            let error = #expect(throws: BackendError.self) {
                try replica.accept("delta", id: nil, data: Self.delta(from, to, ["x"], gone: ["a"]))
            }
            #expect(error?.code == .protocolViolation)
        }
        #expect(Self.ids(replica.snapshot()) == ["a"])
        #expect(replica.hubRevision == 4)
    }

    @Test(
        "what is no document of this service changes nothing and is a violation",
        arguments: [
            ("snapshot", ""), ("snapshot", "{"), ("snapshot", "[]"), ("snapshot", #"{"instances":[{}]}"#),
            ("snapshot", #"{"service":"web","revision":-1,"instances":[]}"#),
            ("snapshot", #"{"service":"web","revision":1.5,"instances":[]}"#),
            ("snapshot", #"{"service":"other","revision":9,"instances":[]}"#), ("delta", ""), ("delta", "null"),
            ("delta", #"{"service":"other","from":4,"to":5,"upserts":[],"removed":[{"id":"a","reason":"expired"}]}"#),
            ("delta", #"{"from":4,"to":5,"upserts":[{}],"removed":[]}"#),
            ("delta", #"{"from":4,"to":5,"upserts":[],"removed":[{}]}"#),
            ("delta", #"{"from":4,"to":-5,"upserts":[],"removed":[]}"#),
        ]
    )
    func rubbish(_ name: String, _ data: String) throws {
        var replica = try Self.replica()
        _ = try replica.accept("snapshot", id: "e1.4", data: Self.snapshot(4, "a"))
        let error = #expect(throws: BackendError.self) {
            try replica.accept(name, id: "e1.5", data: Array(data.utf8))
        }
        #expect(error?.code == .protocolViolation)
        #expect(Self.ids(replica.snapshot()) == ["a"])
        #expect(replica.hubRevision == 4)
    }

    @Test("instances of another service are not taken")
    func strangers() throws {
        var replica = try Self.replica()
        let data = "{\"service\":\"web\",\"revision\":1,\"instances\":[\(try Self.json(["a"], of: "other"))]}"
        #expect(throws: BackendError.self) { try replica.accept("snapshot", id: "e1.1", data: Array(data.utf8)) }
        #expect(!replica.hasSnapshot)
    }
}
