import Rollcall
import RollcallLogService
import Testing

@Suite("Log lines")
struct LogLineTests {
    private static func line(_ message: String, sender: String = "web-1") -> LogLine {
        LogLine(time: 1_795_246_200_123, level: .warning, sender: sender, message: message)
    }

    @Test("prefix, full time, level, sender, message")
    func form() {
        let text = Self.line("the disk is full").text(prefix: "Go:")
        #expect(text == "Go: 2026-11-21T07:30:00.123Z warning web-1 the disk is full")
        let bare = Self.line("x", sender: "").text(prefix: "")
        #expect(bare == "2026-11-21T07:30:00.123Z warning - x")
    }

    @Test(
        "what could end a line, forge one or steer a terminal is escaped",
        arguments: [
            ("a\nb", "a\\nb"), ("a\r\nb", "a\\r\\nb"), ("a\tb", "a\\tb"), ("a\\nb", "a\\\\nb"),
            ("\u{1B}[2J", "\\u{1b}[2J"),
            ("a\u{0}b", "a\\u{0}b"), ("a\u{85}b", "a\\u{85}b"), ("a\u{9B}1m", "a\\u{9b}1m"),
            ("a\u{2028}b", "a\\u{2028}b"),
            ("a\u{202E}b", "a\\u{202e}b"), ("a\u{7F}", "a\\u{7f}"), ("grüße 👋🏽", "grüße 👋🏽"),
        ]
    )
    func escaping(_ message: String, _ expected: String) {
        let text = Self.line(message).text(prefix: "p")
        #expect(text.hasSuffix(" web-1 " + expected))
        #expect(LogLine(text[...], prefix: "p") == Self.line(message))
    }

    @Test("a sender cannot pass for a message, nor a message for a line")
    func forging() {
        let text = Self.line("x", sender: "a info b\n").text(prefix: "p")
        #expect(text.hasSuffix(" warning a\\u{20}info\\u{20}b\\n x"))
        #expect(LogLine(text[...], prefix: "p")?.sender == "a info b\n")
    }

    @Test(
        "what joins the character before it hides no field and no escape",
        arguments: ["\u{301}hello world", "\n\u{301}x", "\\\u{301}", "a \u{200D}b", "\u{1B}\u{301}"]
    )
    func combining(_ text: String) {
        for line in [Self.line(text), Self.line(text, sender: text), Self.line("x", sender: text)] {
            #expect(LogLine(line.text(prefix: "p")[...], prefix: "p") == line)
            #expect(LogLine(line.text(prefix: "\u{301}")[...], prefix: "\u{301}")?.sender == line.sender)
        }
    }

    @Test(
        "what is no line is none",
        arguments: [
            "", "p", "p ", "q 2026-11-21T07:30:00.123Z info a b", "p yesterday info a b",
            "p 2026-11-21T07:30:00.123Z loud a b",
            "p 2026-11-21T07:30:00.123Z info a",
        ]
    )
    func notLines(_ text: String) {
        #expect(LogLine(text[...], prefix: "p") == nil)
    }

    @Test("escapes that are none stay as they are", arguments: ["\\u{110000}", "\\u{", "\\u{zz}", "a\\"])
    func badEscapes(_ message: String) {
        let line = LogLine("p 2026-11-21T07:30:00.123Z info a \(message)"[...], prefix: "p")
        #expect(line != nil)
    }
}
