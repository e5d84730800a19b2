import Foundation
import Rollcall
import Testing

@Suite("RegistryTable", .timeLimit(.minutes(1)))
struct RegistryTableTests {
    private struct Known {
        var proof: LeaseProof
        var ttl: Duration
        var expiry: TimeSource.Instant
        var weight: Int
        var amended: Int?
    }

    private static let ttls: [Duration] = [.seconds(1), .seconds(3), .seconds(10), .seconds(200)]
    private let services: [ServiceName]
    private let ids: [InstanceID]

    init() throws {
        self.services = try ["web", "team"].map { try ServiceName($0) }
        self.ids = try (0..<12).map { try InstanceID("i\($0)") }
    }

    @Test("it does what a plain table of leases does, whatever comes", arguments: 0..<10 as Range<UInt64>)
    func model(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var table = RegistryTable()
        var model: [RegistryTable.Place: [InstanceID: Known]] = [:]
        var now = TimeSource.Instant(elapsed: .zero)
        for step in 0..<300 {
            let service = self.services[Int.random(in: 0..<2, using: &generator)]
            let id = self.ids[Int.random(in: 0..<self.ids.count, using: &generator)]
            let place = RegistryTable.Place(namespace: .default, service: service)
            let known = model[place]?[id]
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<4:
                let fresh = Known(
                    proof: LeaseProof("\(step)"),
                    ttl: Self.ttls[Int.random(in: 0..<4, using: &generator)],
                    expiry: now,
                    weight: step
                )
                _ = table.register(
                    try Self.make(id, of: service, weight: step),
                    in: .default,
                    proof: fresh.proof,
                    ttl: fresh.ttl,
                    at: now,
                    date: Date(timeIntervalSince1970: 0)
                )
                model[place, default: [:]][id] = fresh
                model[place]?[id]?.expiry = now.advanced(by: fresh.ttl)
            case 4, 5:
                let proof = known?.proof ?? LeaseProof("nobody")
                let renewed = try? table.renew(service, id: id, proof: proof, in: .default, at: now)
                #expect(renewed == known?.ttl)
                if let known { model[place]?[id]?.expiry = now.advanced(by: known.ttl) }
            case 6:
                let amended = try? table.amend(service, id: id, InstanceChange(weight: step), in: .default)
                #expect((amended == nil) == (known == nil))
                model[place]?[id]?.amended = step
            case 7:
                let change = known.map { table.revoke(service, id: id, proof: $0.proof, in: .default) }
                #expect((change != nil) == (known != nil))
                model[place]?[id] = nil
            default:
                now = now.advanced(by: .milliseconds(100 * Int.random(in: 1...40, using: &generator)))
                let left = table.expire(at: now, lateness: .zero).reduce(0) { $0 + $1.departed.count }
                let before = model.values.reduce(0) { $0 + $1.count }
                model = model.mapValues { $0.filter { $0.value.expiry > now } }
                #expect(left == before - model.values.reduce(0) { $0 + $1.count })
            }
            self.compare(table, model)
        }
    }

    private func compare(_ table: RegistryTable, _ model: [RegistryTable.Place: [InstanceID: Known]]) {
        let present = model.filter { !$0.value.isEmpty }
        #expect(Set(table.places) == Set(present.keys))
        #expect(table.counts.instances == present.values.reduce(0) { $0 + $1.count })
        for (place, records) in present {
            #expect(table.records(at: place).count == records.count)
            for (id, known) in records {
                let record = table.record(id, at: place)
                #expect(record?.proof == known.proof)
                #expect(record?.expiry == known.expiry)
                #expect(record?.own.weight == known.weight)
                #expect(record?.visible.weight == known.amended ?? known.weight)
                #expect(record?.own.id == id)
            }
        }
    }

    @Test("what instances of a service have in common is kept once, and each keeps its own bytes")
    func sharing() throws {
        // Equal for `String`, which compares by canonical equivalence, and different texts for everybody else.
        let texts = ["caf\u{e9} caf\u{e9} caf\u{e9}", "cafe\u{301} cafe\u{301} cafe\u{301}"]
        #expect(texts[0] == texts[1])
        var table = RegistryTable()
        let service = self.services[0]
        for (index, text) in (texts + texts).enumerated() {
            let instance = try ServiceInstance(
                service: service,
                id: self.ids[index],
                endpoints: [Endpoint("http://10.0.0.1:80")],
                zone: text,
                tags: [text],
                metadata: [text: text]
            )
            _ = table.register(
                instance,
                in: .default,
                proof: LeaseProof("\(index)"),
                ttl: .seconds(1),
                at: TimeSource.Instant(elapsed: .zero),
                date: Date(timeIntervalSince1970: 0)
            )
            let place = RegistryTable.Place(namespace: .default, service: service)
            let stored = try #require(table.record(self.ids[index], at: place)).own
            #expect(stored.json == instance.registered(at: Date(timeIntervalSince1970: 0)).json)
        }
    }

    @Test(
        "a proof keeps its text",
        arguments: [
            "", "p1", String(repeating: "0123456789abcdef", count: 4), String(repeating: "0123456789ABCDEF", count: 4),
            String(repeating: "g", count: 64), String(repeating: "é", count: 32), String(repeating: "f", count: 63),
        ]
    )
    func proofs(_ text: String) {
        #expect(LeaseProof(text).text == text)
        #expect(LeaseProof(text) == LeaseProof(text))
        #expect(LeaseProof(text) != LeaseProof(text + "0"))
    }

    private static func make(_ id: InstanceID, of service: ServiceName, weight: Int) throws -> ServiceInstance {
        try ServiceInstance(service: service, id: id, endpoints: [Endpoint("http://10.0.0.1:80")], weight: weight)
    }
}
