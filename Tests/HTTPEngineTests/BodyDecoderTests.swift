import Rollcall
import Testing

@testable import HTTPEngine

@Suite("Bodies of messages", .serialized)
struct BodyDecoderTests {
    /// Decodes a body that comes in pieces; `nil` for one that is not complete.
    private static func decode(
        _ framing: BodyFraming,
        _ pieces: [ArraySlice<UInt8>],
        limit: Int = .max
    ) throws -> (body: String, rest: Int)? {
        var input = InputBuffer()
        var decoder = BodyDecoder(framing)
        var body: [UInt8] = []
        for piece in pieces {
            input.receive(piece)
            while try decoder.take(from: &input, upTo: limit, { body.append(contentsOf: $0) }) {}
        }
        return decoder.hasEnded ? (String(decoding: body, as: UTF8.self), input.count) : nil
    }

    private static func decode(_ framing: BodyFraming, _ text: String) throws -> (body: String, rest: Int)? {
        try self.decode(framing, [Array(text.utf8)[...]])
    }

    @Test("a body ends where its length says")
    func length() throws {
        let whole = try #require(try Self.decode(.length(5), "helloGET"))
        #expect(whole == ("hello", 3))
        #expect(try Self.decode(.length(5), "hell") == nil)
        #expect(try #require(try Self.decode(.none, "x")) == ("", 1))
        #expect(try #require(try Self.decode(.length(0), "x")) == ("", 1))
    }

    private static let chunked =
        "5\r\nhello\r\n00001;name=\"a;b\"\r\n \r\nA ;x\r\n0123456789\r\n0;last\r\nTrailer: x\r\n\r\n".replacing(
            "A ;x",
            with: "A;x"
        )

    @Test(
        "chunks are joined, extensions and trailers stepped over, wherever they are cut and whatever is taken at once"
    )
    func chunks() throws {
        let bytes = Array((Self.chunked + "GET").utf8)
        for cut in 0...bytes.count {
            for limit in [1, 3, 7, .max] {
                let whole = try Self.decode(.chunked, [bytes[..<cut], bytes[cut...]], limit: limit)
                #expect(try #require(whole) == ("hello 0123456789", 3))
            }
        }
        let single = try Self.decode(.chunked, bytes.indices.map { bytes[$0...$0] })
        #expect(try #require(single) == ("hello 0123456789", 3))
        for end in 0..<bytes.count - 3 {
            #expect(try Self.decode(.chunked, [bytes[..<end]]) == nil)
        }
    }

    @Test(
        "tricks with chunks are refused",
        arguments: [
            "\r\n", "x\r\n", "-1\r\nx", "+1\r\nx", " 1\r\nx\r\n", "1 \r\nx\r\n", "0x1\r\nx\r\n", "1\nx\r\n0\r\n\r\n",
            "1\r\nxy\r\n",
            "1\r\nx\n0\r\n\r\n", ";\r\n", "1,1\r\nx\r\n", "FFFFFFFFFFFFFFFF\r\nx", "1000000000000000\r\nx", "1_0\r\nx",
            "１\r\nx",
            "1;\u{0}\r\nx\r\n", "1\r\rx\r\n", "0\r\nA: b\n\r\n", "0\r\nA: b\rC\r\n\r\n",
            "1;" + String(repeating: "x", count: 5000) + "\r\nx\r\n0\r\n\r\n", String(repeating: "0", count: 5000),
            "0\r\n" + String(repeating: "A: \(String(repeating: "b", count: 1000))\r\n", count: 20) + "\r\n",
        ]
    )
    func tricks(_ text: String) {
        #expect(throws: MessageError.self) { try Self.decode(.chunked, text) }
    }

    @Test("a connection that ends within a body is told from one that ends with it")
    func end() throws {
        var open = BodyDecoder(.untilClose)
        try open.finish()
        #expect(open.hasEnded)
        for framing in [BodyFraming.length(1), .chunked] {
            var decoder = BodyDecoder(framing)
            let error = #expect(throws: ConnectionError.self) { try decoder.finish() }
            #expect(error?.kind == .broken)
        }
    }
}
