import Rollcall
import Testing

@testable import HTTPEngine

@Suite("Messages in any pieces, random and mutated", .timeLimit(.minutes(2)), .serialized)
struct WireFuzzTests {
    private static let requests =
        "GET /v1/services?prefix=a%20b HTTP/1.1\r\nHost: a\r\nX: y, z\r\n\r\n"
        + "PUT /v1/services/web/instances/a HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{\"a\":\"\r\n\r\n\"}1"
        + "\r\nPOST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;e\r\n0\r\n\r\n1\r\n!\r\n0\r\nT: u\r\n\r\n"
        + "DELETE / HTTP/1.0\r\n\r\n"

    @Test("every cut of requests into two or three pieces, and single bytes, read the same")
    func split() {
        let bytes = Array(Self.requests.utf8)
        let whole = WireReader.read([bytes[...]])
        #expect(whole.failure == nil)
        #expect(whole.requests.count == 4)
        #expect(whole.requests.dropFirst().first?.hasSuffix(" {\"a\":\"\r\n\r\n\"}1") == true)
        #expect(whole.requests.dropFirst(2).first?.hasSuffix(" 0\r\n!") == true)
        for cut in 0...bytes.count {
            #expect(WireReader.read([bytes[..<cut], bytes[cut...]]) == whole)
        }
        for first in stride(from: 0, to: bytes.count, by: 7) {
            for second in stride(from: first, to: bytes.count, by: 11) {
                #expect(WireReader.read([bytes[..<first], bytes[first..<second], bytes[second...]]) == whole)
            }
        }
        #expect(WireReader.read(bytes.indices.map { bytes[$0...$0] }) == whole)
    }

    @Test("mutated requests never crash or hang, and read the same in any pieces", arguments: 0..<20)
    func mutated(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let interesting = Array("\r\n\t :;,%?&=/0123456789abcdefHGPx".utf8) + [0, 0x7F, 0x80, 0xC3, 0xFF]
        for _ in 0..<50 {
            var bytes = Array(Self.requests.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: bytes.indices, using: &generator)
                let byte = interesting[Int.random(in: interesting.indices, using: &generator)]
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = byte
                case 1: bytes.insert(byte, at: index)
                case 2: bytes.remove(at: index)
                default: bytes.insert(contentsOf: bytes[index...].prefix(20), at: index)
                }
            }
            Self.check(bytes, &generator)
        }
    }

    @Test("random bytes never crash or hang, and read the same in any pieces", arguments: 0..<10)
    func random(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed &+ 1000)
        let alphabet = Array("GET / HTTP/1.1\r\n\r\n\r\n\r\nHost: a 0123456789;chunked".utf8) + [0, 0xFF]
        for _ in 0..<50 {
            let count = Int.random(in: 0...300, using: &generator)
            let isAny = Bool.random(using: &generator)
            Self.check(
                (0..<count).map { _ in
                    isAny
                        ? UInt8.random(in: .min ... .max, using: &generator)
                        : alphabet[Int.random(in: alphabet.indices, using: &generator)]
                },
                &generator
            )
        }
    }

    /// Reads bytes whole and in random pieces, which must agree; so must responses.
    private static func check(_ bytes: [UInt8], _ generator: inout SplitMix64) {
        let whole = WireReader.read([bytes[...]])
        var pieces: [ArraySlice<UInt8>] = []
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + Int.random(in: 1...30, using: &generator))
            pieces.append(bytes[start..<end])
            start = end
        }
        let text = String(decoding: bytes, as: UTF8.self).debugDescription
        #expect(WireReader.read(pieces) == whole, "\(text)")
        var input = InputBuffer()
        input.receive(Array("HTTP/1.1 200 OK\r\n".utf8) + bytes)
        if let head = try? input.takeHead() { _ = try? HeadParser.response(head) }
        _ = try? PercentEncoding.decode(String(decoding: bytes, as: UTF8.self)[...], field: "x")
        _ = try? Query(String(decoding: bytes, as: UTF8.self)[...])
    }
}
