import Rollcall
import Testing

@Suite("Reading contents as values: JSON, plain text, and what is neither", .timeLimit(.minutes(1)))
struct JSONValueTests {
    @Test(
        "JSON is read as RFC 8259 has it",
        arguments: [
            ("null", .null), (" true\n", true), ("\t\r\nfalse ", false), ("0", 0), ("-0", 0), ("-12", -12),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)), ("1.5", 1.5),
            ("1e3", 1000.0), ("1E+3", 1000.0), ("25e-1", 2.5), ("0e999999", 0.0), ("-0.0", -0.0),
            ("5e-324", .number(.leastNonzeroMagnitude)),
            (#""""#, ""), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{C}\n\r\t"), (#""é日🎉""#, "é日🎉"),
            (#""\u00e9\u65E5\ud83c\udf89\u0000""#, "é日🎉\u{0}"), ("[]", []), ("[ ]", []),
            ("[1, [2] ,{}]", [1, [2], [:]]),
            ("{}", [:]), (#"{"a":{"b":[null]},"":1}"#, ["a": ["b": [nil]], "": 1]),
        ] as [(String, ConfigValue)]
    )
    func reading(_ text: String, _ value: ConfigValue) throws {
        #expect(try ConfigReader.core.parse(ConfigContent(text, format: .json)) == value)
        try ConfigReader.core.check(ConfigContent(text, format: .json))
    }

    @Test(
        "what RFC 8259 does not allow is refused, with line and column",
        arguments: [
            ("", 1, 1), (" \n ", 2, 2), ("{", 1, 2), ("[", 1, 2), ("[\n1,]", 2, 3), ("[,1]", 1, 2), (#"{"a"}"#, 1, 5),
            (#"{"a":}"#, 1, 6), ("{a:1}", 1, 2), (#"{"a":1,}"#, 1, 8), ("{,}", 1, 2), ("[1 2]", 1, 4), ("01", 1, 2),
            ("-01", 1, 3), ("1.", 1, 3), (".5", 1, 1), ("+1", 1, 1), ("-", 1, 2), ("1e", 1, 3), ("1e+", 1, 4),
            ("0x1", 1, 2),
            ("NaN", 1, 1), ("nul", 1, 1), ("truex", 1, 1), ("tru", 1, 1), ("\"\\x\"", 1, 3), ("\"\\u12\"", 1, 6),
            ("\"\\ud800\"", 1, 2), ("\"\\ud800\\u0041\"", 1, 2), ("\"\\udc00\"", 1, 2), ("\"é\u{1}\"", 1, 3),
            ("\"a\nb\"", 1, 3), ("'a'", 1, 1), ("[1]]", 1, 4), ("{}{}", 1, 3), ("\u{FEFF}1", 1, 1), ("\n\n  \"日", 3, 3),
            ("// a", 1, 1), ("[1]\u{B}", 1, 4), ("\"\\", 1, 3), (#"{"a":1 "b":2}"#, 1, 8), (#"{"a" 1}"#, 1, 6),
            ("[}", 1, 2), ("{]", 1, 2), ("\u{A0}1", 1, 1),
        ]
    )
    func refusing(_ text: String, _ line: Int, _ column: Int) throws {
        let content = ConfigContent(text, format: .json)
        let error = try #require(throws: ConfigFormatError.self) { try ConfigReader.core.parse(content) }
        #expect((error.line, error.column) == (line, column), "\(error)")
        #expect(error.format == .json && error.path.isEmpty)
        #expect(throws: error) { try ConfigReader.core.check(content) }
    }

    @Test("a key that an object has already is refused where it stands the second time, however it is written")
    func duplicates() throws {
        for second in [#""a""#, #""\u0061""#] {
            let content = ConfigContent("{\"a\": 1,\n \(second): 1}", format: .json)
            let error = try #require(throws: ConfigFormatError.self) { try ConfigReader.core.parse(content) }
            #expect((error.line, error.column) == (2, 2))
            #expect(error.message.contains("already"))
        }
        let sameForPeople = ConfigContent("{\"\u{E9}\": 1, \"e\u{301}\": 1}", format: .json)
        #expect(throws: ConfigFormatError.self) { try ConfigReader.core.parse(sameForPeople) }
        let apart = try ConfigReader.core.parse(ConfigContent(#"[{"a":1},{"a":2}]"#, format: .json))
        #expect(apart == [["a": 1], ["a": 2]])
    }

    @Test(
        "numbers out of range are refused and not changed",
        arguments: [
            "9223372036854775808", "-9223372036854775809", "1e309", "-1e309", "1e-400", "0.1e99999999999",
            "1" + String(repeating: "0", count: 2000), "0." + String(repeating: "1", count: 2000),
        ]
    )
    func ranges(_ text: String) throws {
        let error = try #require(throws: ConfigFormatError.self) {
            try ConfigReader.core.parse(ConfigContent("[" + text + "]", format: .json))
        }
        #expect((error.line, error.column) == (1, 2))
    }

    @Test("lists and objects stand in each other 128 deep and no deeper, and a million brackets do no harm")
    func depth() throws {
        func nested(_ depth: Int) -> ConfigContent {
            ConfigContent(String(repeating: "[", count: depth) + String(repeating: "]", count: depth), format: .json)
        }
        _ = try ConfigReader.core.parse(nested(128))
        for depth in [129, 1_000_000] {
            let error = try #require(throws: ConfigFormatError.self) { try ConfigReader.core.parse(nested(depth)) }
            #expect((error.line, error.column) == (1, 129))
            #expect(error.message.contains("128"))
        }
        // Only what stands in each other counts.
        let beside = "[" + String(repeating: "[],", count: 1000) + "[]]"
        _ = try ConfigReader.core.parse(ConfigContent(beside, format: .json))
    }

    @Test(
        "bytes that are not UTF-8 are refused where they stand, in JSON and in plain text",
        arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF5, 0x80, 0x80, 0x80]]
    )
    func notUTF8(_ bytes: [UInt8]) throws {
        for format in [ConfigContent.Format.json, .plain] {
            let content = ConfigContent(bytes: Array("\"\né".utf8) + bytes, format: format)
            let error = try #require(throws: ConfigFormatError.self) { try ConfigReader.core.check(content) }
            #expect((error.line, error.column) == (2, 2))
            #expect(error.message.contains("UTF-8"))
        }
    }

    @Test("plain text is one text, whatever it says")
    func plain() throws {
        #expect(try ConfigReader.core.parse(ConfigContent("{\n")) == "{\n")
        #expect(try ConfigReader.core.parse(ConfigContent("")) == "")
        #expect(try ConfigReader.core.decode(String.self, from: ConfigContent("on")) == "on")
    }

    @Test("formats without a parser are accepted by a check and not read, and the error says which there are")
    func unknownFormats() throws {
        let html = try ConfigContent.Format(mediaType: "text/html")
        for format in [html, .toml, .yaml, .binary] {
            let content = ConfigContent(bytes: [0xFF], format: format)
            try ConfigReader.core.check(content)
            #expect(!ConfigReader.core.canRead(format))
            let error = try #require(throws: ConfigFormatError.self) { try ConfigReader.core.parse(content) }
            #expect(error.format == format && error.line == nil)
            if format != .binary { #expect("\(error)".contains("application/json, text/plain")) }
        }
        let none = ConfigReader(parsers: [:])
        #expect(throws: ConfigFormatError.self) { try none.parse(ConfigContent("a")) }
    }

    @Test("media types that end in +json or +yaml, and former names of YAML, are read by that parser")
    func suffixes() throws {
        let problem = try ConfigContent.Format(mediaType: "application/problem+json")
        #expect(try ConfigReader.core.parse(ConfigContent("[1]", format: problem)) == [1])
        let error = try #require(throws: ConfigFormatError.self) {
            try ConfigReader.core.parse(ConfigContent("[", format: problem))
        }
        #expect(error.description.hasPrefix("application/problem+json, line 1, column 2: "))
        let reader = ConfigReader.core.adding(.yaml) { _ throws(ConfigFormatError) in "YAML" }
        for name in ["application/yaml", "text/yaml", "text/x-yaml", "application/x-yaml", "application/a+yaml"] {
            let format = try ConfigContent.Format(mediaType: name)
            #expect(try reader.parse(ConfigContent("", format: format)) == "YAML")
            #expect(!ConfigReader.core.canRead(format))
        }
        // A parser of its own goes first.
        let own = ConfigReader.core.adding(problem) { _ throws(ConfigFormatError) in "own" }
        #expect(try own.parse(ConfigContent("", format: problem)) == "own")
    }
}
