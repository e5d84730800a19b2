import Rollcall
import Testing

@testable import RollcallHubClient

@Suite("Server-sent events", .serialized)
struct EventParserTests {
    private static func parse(_ pieces: [ArraySlice<UInt8>]) throws -> [EventParser.Element] {
        var parser = EventParser()
        var elements: [EventParser.Element] = []
        for piece in pieces { try parser.feed(piece) { elements.append($0) } }
        return elements
    }

    private static func event(_ name: String, _ id: String?, _ data: String) -> EventParser.Element {
        .event(name: name, id: id, data: Array(data.utf8))
    }

    private static let sample = """
        : heartbeat\n\nid: e1.2\nevent: snapshot\ndata: {"a":1}\n\nevent:delta\r\ndata:one\r\ndata: two\r\n\r\n\
        :\rretry: 5\rdata\r\rdata:  spaced \n\nid\nunknown: x\ndata: ü\u{2028}\n\nevent: nothing\n\ndata: torn
        """

    private static let expected: [EventParser.Element] = [
        .comment, event("snapshot", "e1.2", #"{"a":1}"#), event("delta", nil, "one\ntwo"), .comment, event("", nil, ""),
        event("", nil, " spaced "), event("", "", "ü\u{2028}"),
    ]

    @Test("a stream is read by the rules of the standard")
    func whole() throws {
        #expect(try Self.parse([Array(Self.sample.utf8)[...]]) == Self.expected)
    }

    @Test("wherever a stream is cut, it reads the same")
    func split() throws {
        let bytes = Array(Self.sample.utf8)
        for cut in 0...bytes.count {
            #expect(try Self.parse([bytes[..<cut], bytes[cut...]]) == Self.expected)
        }
        #expect(try Self.parse(bytes.indices.map { bytes[$0...$0] }) == Self.expected)
        for first in stride(from: 0, to: bytes.count, by: 3) {
            for second in stride(from: first, to: bytes.count, by: 5) {
                #expect(try Self.parse([bytes[..<first], bytes[first..<second], bytes[second...]]) == Self.expected)
            }
        }
    }

    @Test("random bytes are read without a crash, and the same in any pieces", arguments: 0..<20)
    func fuzz(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        let alphabet = Array("\n\n\n\r\r::  dataeventid\u{0}ü".utf8) + [0xFF, 0xC3]
        let bytes = (0..<5000).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] }
        let whole = try Self.parse([bytes[...]])
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...40, using: &generator))
            pieces.append(bytes[start..<end])
            start = end
        }
        #expect(try Self.parse(pieces) == whole)
    }

    @Test("an event without end is given up")
    func tooLong() {
        var parser = EventParser()
        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        let error = #expect(throws: BackendError.self) {
            for _ in 0..<65 { try parser.feed(piece) { _ in } }
        }
        #expect(error?.code == .protocolViolation)
    }
}
