import Foundation
import Rollcall
import Testing

@Suite("Events and snapshots", .timeLimit(.minutes(1)))
struct ServiceEventTests {
    @Test("events are the difference of two snapshots, in order of ids")
    func difference() throws {
        let old = try Self.snapshot(["a": 1, "b": 1, "d": 1, "f": 1])
        let new = try Self.snapshot(["b": 2, "c": 1, "d": 1, "g": 1], departed: ["a": .expired])
        let texts = new.events(since: old).map { event in
            switch event {
            case .registered(let instance): "+\(instance.id)"
            case .updated(let old, let new): "\(old.id):\(old.endpoint.port)>\(new.endpoint.port)"
            case .removed(let instance, let reason): "-\(instance.id) \(reason)"
            }
        }
        #expect(texts == ["-a expired", "b:1>2", "+c", "-f unknown", "+g"])
        #expect(new.events(since: new).isEmpty)
        #expect(old.events(since: nil).count == 4)
    }

    @Test("applying all events to the old state gives the new one", arguments: 0..<20)
    func completeness(_ seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        let random = { (generator: inout SplitMix64) in
            try Self.snapshot(
                Dictionary(
                    (0..<12).map { _ in
                        ("i\(Int.random(in: 0..<15, using: &generator))", Int.random(in: 1...2, using: &generator))
                    },
                    uniquingKeysWith: { $1 }
                )
            )
        }
        let old = try random(&generator)
        let new = try random(&generator)
        var state = Dictionary(uniqueKeysWithValues: old.instances.map { ($0.id, $0) })
        for event in new.events(since: old) {
            switch event {
            case .registered(let instance):
                #expect(state.updateValue(instance, forKey: instance.id) == nil)
            case .updated(let before, let after):
                #expect(state.updateValue(after, forKey: after.id) == before)
            case .removed(let instance, _):
                #expect(state.removeValue(forKey: instance.id) == instance)
            }
        }
        #expect(state.values.sorted { $0.id < $1.id } == new.instances)
    }

    @Test("a reader who skipped a snapshot still learns why instances left, unless they are back")
    func absorbing() throws {
        let skipped = try Self.snapshot(["c": 1], departed: ["a": .expired, "b": .deregistered])
        let latest = try Self.snapshot(["a": 1], departed: ["c": .deregistered])
        let departed = latest.absorbing(skipped).departed
        #expect(departed == [try InstanceID("b"): .deregistered, try InstanceID("c"): .deregistered])
    }

    @Test("an instance is found by its id")
    func lookup() throws {
        let snapshot = try Self.snapshot(Dictionary(uniqueKeysWithValues: (0..<100).map { ("i\($0)", 1) }))
        for number in 0..<100 { #expect(snapshot[try InstanceID("i\(number)")]?.id.text == "i\(number)") }
        #expect(snapshot[try InstanceID("nobody")] == nil)
        #expect(try Self.snapshot([:])[InstanceID("nobody")] == nil)
    }

    static func snapshot(
        _ ports: [String: Int],
        departed: [String: DepartureReason] = [:]
    ) throws -> ServiceSnapshot {
        let service = try ServiceName("web")
        return ServiceSnapshot(
            service: service,
            instances: try ports.map { id, port in
                try ServiceInstance(
                    service: service,
                    id: InstanceID(id),
                    endpoints: [Endpoint(scheme: "http", host: "h", port: port)]
                )
            },
            revision: 1,
            departed: Dictionary(uniqueKeysWithValues: try departed.map { (try InstanceID($0), $1) }),
            source: "test"
        )
    }
}
