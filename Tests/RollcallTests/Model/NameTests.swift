import Rollcall
import Testing

@Suite("Names", .timeLimit(.minutes(1)))
struct NameTests {
    @Test("legal names are kept as they are", arguments: ["a", "web", "web/x", "Ü b€r", "..", "%zz", "a b", "日本"])
    func legal(_ text: String) throws {
        #expect(try ServiceName(text).text == text)
    }

    @Test(
        "illegal names are refused, and the error says why",
        arguments: [
            ("", "must not be empty"), ("a*", "'*'"), ("a\u{0}b", "control character"), ("a\nb", "control character"),
            ("a\u{7F}", "control character"), ("a\u{85}", "control character"),
            (String(repeating: "x", count: 129), "129 bytes"), (String(repeating: "é", count: 65), "130 bytes"),
        ]
    )
    func illegal(_ text: String, _ reason: String) {
        let error = #expect(throws: ValidationError.self) { try InstanceID(text) }
        #expect(error?.field == "id")
        #expect(error?.message.contains(reason) == true)
        #expect(error?.message.hasControlCharacter == false)
    }

    @Test("128 bytes are legal")
    func longest() throws {
        #expect(try ServiceName(String(repeating: "x", count: 128)).text.utf8.count == 128)
    }

    @Test("names that look alike but differ in bytes differ")
    func bytes() throws {
        let composed = try ServiceName("\u{E9}")
        let decomposed = try ServiceName("e\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(decomposed < composed)
    }

    @Test("random ids differ")
    func random() {
        #expect(Set((0..<1000).map { _ in InstanceID.random() }).count == 1000)
    }

    @Test(
        "patterns cover what they say",
        arguments: [
            ("web", "web", true), ("web", "web2", false), ("team-*", "team-a", true), ("team-*", "team-", true),
            ("team-*", "team", false), ("*", "anything", true),
        ]
    )
    func patterns(_ pattern: String, _ service: String, _ isCovered: Bool) throws {
        let parsed = try ServicePattern(pattern)
        #expect(parsed.matches(try ServiceName(service)) == isCovered)
        #expect(parsed.description == pattern)
    }

    @Test("patterns with a star elsewhere are refused", arguments: ["a*b", "*a", "**", ""])
    func badPatterns(_ text: String) {
        #expect(throws: ValidationError.self) { try ServicePattern(text) }
    }
}
