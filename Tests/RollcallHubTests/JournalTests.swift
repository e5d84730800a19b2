import Foundation
import Rollcall
import Testing

@testable import RollcallHub

@Suite("Journal", .timeLimit(.minutes(1)))
struct JournalTests {
    @Test(
        "SHA-256 gives the values of FIPS 180-4",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                String(repeating: "a", count: 1_000),
                "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"
            ),
        ]
    )
    func sha256(_ text: String, _ hash: String) {
        #expect(SHA256.hexadecimal(text) == hash)
    }

    @Test("every record is read as it was written")
    func roundTrip() throws {
        let records = try Self.records()
        let bytes = JournalFormat.heading(epoch: "e1") + records.flatMap(JournalFormat.line)
        let contents = try JournalFormat.read(bytes)
        #expect(contents.epoch == "e1")
        #expect(contents.records == records)
        #expect(contents.length == bytes.count)
    }

    @Test("a journal cut at any byte gives all whole records before the cut")
    func truncation() throws {
        let heading = JournalFormat.heading(epoch: "e1")
        let lines = try Self.records().map(JournalFormat.line)
        let bytes = heading + lines.flatMap { $0 }
        for length in heading.count...bytes.count {
            var whole = 0
            var end = heading.count
            while whole < lines.count, end + lines[whole].count <= length {
                end += lines[whole].count
                whole += 1
            }
            let contents = try JournalFormat.read(Array(bytes[..<length]))
            #expect(contents.records.count == whole)
            #expect(contents.length == end)
        }
    }

    @Test("a byte that is wrong is an error, but for the last line's end, without which it is a torn write")
    func damage() throws {
        let heading = JournalFormat.heading(epoch: "e1")
        let lines = try Self.records().map(JournalFormat.line)
        let bytes = heading + lines.flatMap { $0 }
        let last = bytes.count - (lines.last?.count ?? 0)
        for index in heading.count..<bytes.count - 1 {
            var damaged = bytes
            damaged[index] ^= 0x20
            #expect(throws: ValidationError.self) { try JournalFormat.read(damaged) }
        }
        #expect(try JournalFormat.read(bytes.dropLast() + [0x2A]).length == last)
    }

    @Test(
        "what is no journal of this version is refused",
        arguments: [
            "", "x", "rollcall-journal 2 e1\n", "rollcall-journal\n", "something else entirely\n",
            "rollcall-journal 1\n", "\n",
        ]
    )
    func foreign(_ text: String) {
        #expect(throws: ValidationError.self) { try JournalFormat.read(Array(text.utf8)) }
    }

    static func records() throws -> [JournalRecord] {
        let namespace = try Namespace("default")
        let instance = try HubStoreTests.make("web-1").registered(at: Date(timeIntervalSince1970: 1_795_246_200.123))
        let change = InstanceChange(
            status: .maintenance,
            weight: 0,
            tags: ["a"],
            metadata: ["gone": nil, "team": "shö\"p"]
        )
        return [
            .reserve(revision: 1 << 40),
            .register(namespace: namespace, instance: instance, proof: LeaseProof("p1"), ttl: .milliseconds(1500)),
            .update(namespace: namespace, instance: instance, proof: LeaseProof("p1")),
            .amend(namespace: namespace, service: instance.service, id: instance.id, change: change),
            .amend(namespace: namespace, service: instance.service, id: instance.id, change: InstanceChange()),
            .end(namespace: namespace, service: instance.service, id: instance.id),
            .tombstone(proof: LeaseProof("p1"), until: 1_795_246_200_123),
        ]
    }
}
