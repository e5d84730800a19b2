import HTTPEngine
import Rollcall
import Testing

@Suite("Queries and percent-encoding", .serialized)
struct QueryTests {
    @Test("every text comes back from its encoding", arguments: 0..<10)
    func roundTrip(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<100 {
            var text = ""
            for _ in 0..<Int.random(in: 0...12, using: &generator) {
                let value = UInt32.random(in: 0...(Bool.random(using: &generator) ? 0x7F : 0x10FFFF), using: &generator)
                if let scalar = UnicodeScalar(value) { text.unicodeScalars.append(scalar) }
            }
            let encoded = PercentEncoding.encode(text)
            #expect(encoded.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x26 && $0 != 0x2B })
            #expect(try PercentEncoding.decode(encoded[...], field: "x").utf8.elementsEqual(text.utf8))
            #expect(
                try PercentEncoding.decode(encoded[...], field: "x", plusIsSpace: true).utf8.elementsEqual(text.utf8)
            )
            let query = try Query("\(encoded)=\(encoded)&b=c")
            #expect(query.items.first?.value.utf8.elementsEqual(text.utf8) == true)
        }
    }

    @Test(
        "decoding",
        arguments: [("a%2fb", "a/b"), ("%e6%97%a5", "日"), ("a+b", "a+b"), ("", ""), ("%25%32%35", "%25")]
    )
    func decode(_ text: String, _ decoded: String) throws {
        #expect(try PercentEncoding.decode(text[...], field: "x") == decoded)
    }

    @Test(
        "what cannot be decoded names the field",
        arguments: [
            "%", "%1", "%g0", "%0g", "a%", "%%41", "% 41", "%+1", "%FF", "%C0%80", "%ED%A0%80", "%F4%90%80%80", "%C3",
        ]
    )
    func bad(_ text: String) {
        let error = #expect(throws: ValidationError.self) { try PercentEncoding.decode(text[...], field: "service") }
        #expect(error?.field == "service")
        #expect(throws: ValidationError.self) { try Query("zone=\(text)") }
    }

    @Test("names and values of a query")
    func query() throws {
        let query = try Query("a=1&b=2&a=3&c&d=x=y&&e=&f+g=h+i%2B")
        #expect(query["a"] == "1")
        #expect(query.all("a") == ["1", "3"])
        #expect(query["c"] == "")
        #expect(query["d"] == "x=y")
        #expect(query["e"] == "")
        #expect(query["f g"] == "h i+")
        #expect(query["z"] == nil)
        #expect(try Query("").items.isEmpty)
        #expect(throws: Never.self) { try query.check { _ in true } }
        let error = #expect(throws: ValidationError.self) { try query.check { $0 != "d" } }
        #expect(error?.field == "d")
    }
}
