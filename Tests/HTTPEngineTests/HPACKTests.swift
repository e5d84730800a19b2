import Rollcall
import RollcallTesting
import Testing

@testable import HTTPEngine

@Suite("HPACK")
struct HPACKTests {
    @Test("the lengths of all codes fill the tree of codes without gap")
    func completeCode() {
        #expect(HPACKHuffman.lengths.count == 257)
        #expect(HPACKHuffman.lengths.reduce(0) { $0 + (1 << (30 - Int($1))) } == 1 << 30)
    }

    @Test(
        "texts of RFC 7541 appendix C",
        arguments: [
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"), ("6402", "302"), ("aec3771a4b", "private"),
            ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"), ("", ""),
        ]
    )
    func texts(_ code: String, _ text: String) throws {
        #expect(HPACKHuffman.standard.decode(Self.bytes(code)) == Array(text.utf8))
    }

    @Test("all bytes, as another program compresses them")
    func allBytes() {
        #expect(HPACKHuffman.standard.decode(Self.bytes(Self.compressed)) == Array(0...255))
    }

    @Test(
        "padding that is too long or not of ones, and the end within a text, are refused",
        arguments: ["ff", "6402ff", "00", "fffffffc", "fffffffd"]
    )
    func wrongPadding(_ code: String) {
        #expect(HPACKHuffman.standard.decode(Self.bytes(code)) == nil)
    }

    @Test("blocks of another program, which refer to those before")
    func blocks() throws {
        var decoder = HPACKDecoder()
        let head = [HTTP2Field(":status", "200"), HTTP2Field("content-type", "application/grpc")]
        let first = try decoder.decode(Self.bytes("885f8b1d75d0620d263d4c4d6564")[...])
        let second = try decoder.decode(Self.bytes("40889acac8b21234da8f013040899acac8b5254207317f00")[...])
        let third = try decoder.decode(Self.bytes("88c0")[...])
        let fourth = try decoder.decode(
            Self.bytes("7f0001357f009a2a49220b6772d9714b0bdad2a125914a0a34154a8e95253db549")[...]
        )
        #expect(first == head)
        #expect(second == [HTTP2Field("grpc-status", "0"), HTTP2Field("grpc-message", "")])
        #expect(third == head)
        #expect(fourth.first("grpc-message") == "etcdserver: requested lease not found")
    }

    @Test("what is written is read again, and a secret goes into no table")
    func written() throws {
        var encoder = HPACKEncoder()
        let fields = [
            HTTP2Field(":method", "POST"), HTTP2Field(":path", "/a/b"), HTTP2Field("te", "trailers"),
            HTTP2Field("x-long", String(repeating: "ä", count: 300)),
        ]
        for field in fields { encoder.append(field.name, field.value) }
        encoder.append("authorization", "hunter2", isSecret: true)
        var decoder = HPACKDecoder()
        let read = try decoder.decode(encoder.bytes[...])
        #expect(read == fields + [HTTP2Field("authorization", "hunter2")])
        #expect(encoder.bytes.suffix(10).prefix(2) == [0x1F, 0x08])
    }

    @Test("entries leave the table when it is full, and when it is made smaller")
    func eviction() throws {
        var decoder = HPACKDecoder()
        // 40 fields of 132 bytes, of which 31 fit.
        for number in 0..<40 {
            let name = Array("n\(number % 10)".utf8)
            let value = Array(String(repeating: "v", count: 98).utf8)
            var block: [UInt8] = [0x40, UInt8(name.count)]
            block += name
            block.append(UInt8(value.count))
            block += value
            _ = try decoder.decode(block[...])
        }
        _ = try decoder.decode([0xDC])
        #expect(throws: ConnectionError.self) { try decoder.decode([0xDD]) }
        #expect(throws: ConnectionError.self) { try decoder.decode([0x20, 0xBE]) }
    }

    @Test(
        "what is no block is refused",
        arguments: ["80", "ff", "ffffffffffff7f", "be", "40", "4005", "400161", "40016105", "3fe21f", "8820", "0001"]
    )
    func faults(_ block: String) {
        var decoder = HPACKDecoder()
        #expect(throws: ConnectionError.self) { try decoder.decode(Self.bytes(block)[...]) }
    }

    @Test("a small block that unfolds to more than is allowed is refused")
    func bomb() throws {
        var decoder = HPACKDecoder()
        let value = [UInt8](repeating: 0x61, count: 3000)
        // A name of one byte, and a value of 127 + 57 + 22 × 128 bytes.
        let head: [UInt8] = [0x40, 1, 0x61, 0x7F, 0xB9, 22]
        _ = try decoder.decode((head + value)[...])
        #expect(throws: ConnectionError.self) { try decoder.decode([UInt8](repeating: 0xBE, count: 30)[...]) }
    }

    @Test("rubbish never crashes")
    func fuzz() {
        var generator = SplitMix64(seed: 3)
        let block = Self.bytes("40889acac8b21234da8f013040899acac8b5254207317f00")
        for _ in 0..<20_000 {
            var decoder = HPACKDecoder()
            _ = try? decoder.decode(block[...])
            _ = try? decoder.decode(Mutation.of(block, using: &generator)[...])
        }
    }

    static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal.utf8)
        return stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }

    /// The bytes 0 to 255 in their order.
    private static let compressed =
        "ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfff"
        + "ffebfffffecfffffedfffffeefffffefffffff0ffffff1ffffff2fffffffbfffffcffffffd3fffffd7fffffdbfffffdf"
        + "fffffe3fffffe7fffffebfffffed4fe3f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50"
        + "ddbd7f061c58f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426de"
        + "fe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5ffffb3fffeb7fffdaffffb7ffff73ff"
        + "feeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9f"
        + "fffcdffff9fffffbffffdafffeeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fff"
        + "ff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93ffff87fffcbffff37ffff"
        + "1fffff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8ffff"
        + "fb7fff97fff8fffffe6fffffc1fffff87ffffe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9"
        + "fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffffabffff"
        + "a7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fffffff7ffffecfffffdbfffffbbfffff7f"
        + "fffff0fffffbbf"
}
