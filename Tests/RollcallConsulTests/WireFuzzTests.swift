import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

@Suite("Mutated answers of Consul", .timeLimit(.minutes(2)))
struct WireFuzzTests {
    private static let keyValues = """
        [{"LockIndex":1,"Key":"a/b","Flags":3304740253564472344,"Value":"YWJj","Session":"7ec3","CreateIndex":1,
        "ModifyIndex":18446744073709551615},{"Key":"c","Value":null,"Flags":0,"ModifyIndex":3}]
        """
    private static let transaction = """
        {"Results":[{"KV":{"Key":"a","Value":null,"ModifyIndex":39}},{"Node":{"x":[1]}},{"KV":null}],
        "Errors":[{"OpIndex":1,"What":"no"}],"Index":1}
        """

    @Test("records, keys and transactions are read")
    func whole() throws {
        let entries = try KeyValueEntry.list(json: Array(Self.keyValues.utf8))
        #expect(entries.map(\.modifyIndex) == [.max, 3])
        #expect(entries.map(\.flags) == [ConsulBackend.lockFlags, 0])
        #expect(entries.map(\.session) == ["7ec3", nil])
        #expect(entries.map(\.value) == [Array("abc".utf8), []])
        let outcome = try TransactionOutcome(json: Array(Self.transaction.utf8))
        #expect(outcome == .refused([TransactionOutcome.Refusal(operation: 1, reason: "no")]))
        let done = try TransactionOutcome(json: Array(#"{"Results":null,"Errors":null}"#.utf8))
        #expect(done == .done([]))
        #expect(try ConsulBackend.sessionID(in: Array(#"{"ID":"7ec3-a"}"#.utf8)) == "7ec3-a")
    }

    @Test(
        "an error names the field",
        arguments: [
            (#"[{"Key":"a","Value":"?","ModifyIndex":1}]"#, "[0].Value"),
            (#"[{"Value":"","ModifyIndex":1}]"#, "[0].Key"),
            (#"[{"Key":"a","ModifyIndex":-1}]"#, "[0].ModifyIndex"), (#"[{"Key":"a"}]"#, "[0].ModifyIndex"),
            (#"[{"Key":7}]"#, "[0].Key"), (#"{}"#, ""),
        ]
    )
    func fields(_ json: String, _ field: String) {
        let error = #expect(throws: ValidationError.self) { try KeyValueEntry.list(json: Array(json.utf8)) }
        #expect(error?.field == field)
    }

    @Test(
        "an id of a session that is none never becomes part of a path",
        arguments: [#"{}"#, #"{"ID":"a/b"}"#, #"{"ID":""}"#]
    )
    func session(_ json: String) {
        #expect(throws: ValidationError.self) { try ConsulBackend.sessionID(in: Array(json.utf8)) }
    }

    @Test("nothing that comes crashes the reader", arguments: 0..<20)
    func mutated(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let service = try ServiceName("web")
        let registration = Registration.sample(try .sample(tags: ["x"], metadata: ["a": "é"]).registered(at: Date()))
        let health = answered(registration, status: "critical", output: "TTL expired")
        let amendment = Amendment(binding: "n", change: InstanceChange(weight: 1, metadata: ["a": nil])).json
        for _ in 0..<300 {
            if let records = try? HealthRecord.list(json: Mutation.of(health, using: &generator)) {
                for (id, record) in ServiceReading.records(records, of: service, layout: RollcallConsulLayout()) {
                    #expect(record.shown(with: nil).id == id)
                }
            }
            _ = try? KeyValueEntry.list(json: Mutation.of(Array(Self.keyValues.utf8), using: &generator))
            _ = try? TransactionOutcome(json: Mutation.of(Array(Self.transaction.utf8), using: &generator))
            _ = try? Amendment(json: Mutation.of(amendment, using: &generator))
            _ = try? HealthRecord.Check.map(json: Mutation.of(Array(#"{"c":{"CheckID":"c"}}"#.utf8), using: &generator))
            let key = String(decoding: Mutation.of(Array("a,2Fb/c.d".utf8), using: &generator), as: UTF8.self)
            if let text = ConsulKey.text(key) { #expect(ConsulKey.key(text) == key) }
            if let name = ConsulName.service(named: key, in: .default) {
                #expect(ConsulName.service(name, in: .default) == key)
            }
        }
    }
}
