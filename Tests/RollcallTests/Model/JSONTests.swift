import Foundation
import Rollcall
import Testing

@Suite("JSON", .timeLimit(.minutes(1)))
struct JSONTests {
    @Test(
        "texts survive writing and reading, by us and by Foundation",
        arguments: [
            "", "plain", "quote \" backslash \\ slash /", "\n\r\t\u{8}\u{C}\u{1}\u{1F}\u{7F}", "é ß 日本 🎉 \u{10FFFF}",
            "\u{2028}\u{2029}", "e\u{301}",
        ]
    )
    func texts(_ text: String) throws {
        var writer = JSONWriter()
        writer.array { $0.string(text) }
        var read: [String] = []
        var reader = JSONReader(writer.bytes)
        try reader.array { (reader) throws(ValidationError) in read.append(try reader.string()) }
        #expect(read.map { Array($0.utf8) } == [Array(text.utf8)])
        let foundation = try JSONDecoder().decode([String].self, from: Data(writer.bytes))
        #expect(foundation.map { Array($0.utf8) } == [Array(text.utf8)])
    }

    @Test("escapes of Foundation's writer are read", arguments: ["🎉", "/", "\u{1}", "ü\"\\"])
    func foundationEscapes(_ text: String) throws {
        let data = try JSONEncoder().encode([text])
        var reader = JSONReader(data)
        try reader.array { (reader) throws(ValidationError) in
            let read = try reader.string()
            #expect(read == text)
        }
    }

    @Test("a surrogate pair is one character")
    func surrogates() throws {
        var reader = JSONReader(#""\ud83c\udf89""#.utf8)
        #expect(try reader.string() == "🎉")
    }

    @Test(
        "what RFC 8259 does not allow is refused",
        arguments: [
            "", " ", "{", "[", "\"", "[1,]", "[,1]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "[1 2]", "01", "1.",
            ".5", "+1", "-", "1e", "1e+", "0x1", "NaN", "nul", "truex", "tru", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
            "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"", "'a'", "[1]]", "{}{}", "\u{FEFF}1",
        ]
    )
    func refusing(_ text: String) {
        #expect(throws: ValidationError.self) { try Self.check(Array(text.utf8)) }
    }

    @Test(
        "bytes that are not UTF-8 are refused",
        arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82]]
    )
    func notUTF8(_ bytes: [UInt8]) {
        #expect(throws: ValidationError.self) { try Self.check([0x22] + bytes + [0x22]) }
    }

    @Test("nesting is limited, not the stack")
    func depth() throws {
        let legal = Array(String(repeating: "[", count: 32).utf8) + Array(String(repeating: "]", count: 32).utf8)
        try Self.check(legal)
        let error = #expect(throws: ValidationError.self) { try Self.check(Array(repeating: 0x5B, count: 1_000_000)) }
        #expect(error?.limit == 32)
    }

    @Test("of mutated documents we read what Foundation reads, and never crash")
    func fuzzing() throws {
        let document = #"{"schema":1,"id":"é\n\u0041","endpoints":["http://10.0.0.7:8080"],"weight":-12.5e1,"#
        let seed = Array((document + #""tags":[true,false,null,{}],"metadata":{"k":"v","n":[[]]}}"#).utf8)
        var generator = SplitMix64(seed: 20261121)
        let alphabet = Array(#"{}[]":,\u0123456789abcdefeE+-.tfn "#.utf8) + [0x00, 0x1F, 0x7F, 0xC3, 0xA9, 0xFF]
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = alphabet.randomElement(using: &generator) ?? 0
                case 1: bytes.remove(at: index)
                default: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: index)
                }
            }
            let isOurs = (try? Self.check(bytes)) != nil
            let isFoundations = (try? JSONDecoder().decode(Anything.self, from: Data(bytes))) != nil
            accepted += isOurs ? 1 : 0
            // Foundation is laxer in places (it takes a lone NUL behind the document); what we take, it must take.
            if isOurs { #expect(isFoundations, "\(String(decoding: bytes, as: UTF8.self))") }
        }
        #expect(accepted > 500, "only \(accepted) mutants were legal: the test proves little")
    }

    private static func check(_ bytes: [UInt8]) throws {
        var reader = JSONReader(bytes)
        try reader.skip()
        try reader.end()
    }

    /// Any JSON, read completely.
    private struct Anything: Decodable {
        init(from decoder: any Decoder) throws {
            if let object = try? decoder.container(keyedBy: Key.self) {
                for key in object.allKeys { _ = try object.decode(Anything.self, forKey: key) }
            } else if var array = try? decoder.unkeyedContainer() {
                while !array.isAtEnd { _ = try array.decode(Anything.self) }
            }
        }

        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }
}
