import Rollcall
import RollcallFormats
import Testing

@Suite("YAML by the core schema of 1.2", .timeLimit(.minutes(1)))
struct YAMLTests {
    private static let scalarCases: [(String, ConfigValue)] = [
        ("null", .null), ("~", .null), ("Null", .null), ("NULL", .null), ("", .null), ("nULL", "nULL"), ("true", true),
        ("True", true),
        ("FALSE", false), ("tRUE", "tRUE"), ("yes", "yes"), ("no", "no"), ("on", "on"), ("Off", "Off"), ("y", "y"),
        ("0", 0), ("-0", 0),
        ("+12", 12), ("-19", -19), ("007", 7), ("0o14", 12), ("0xC", 12), ("0xff", 255), ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("190:20:30", "190:20:30"), ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("1.5", 1.5),
        (".5", 0.5), ("-.5", -0.5), ("5.", 5.0), ("1e3", 1000.0), ("12e03", 12000.0), ("-2E+05", -200_000.0),
        ("0.0", 0.0),
        (".inf", .number(.infinity)), ("-.Inf", .number(-.infinity)), ("+.INF", .number(.infinity)), (".", "."),
        ("+", "+"),
        ("1e", "1e"), ("1.5.5", "1.5.5"), ("+-1", "+-1"), ("0o8", "0o8"), ("0x", "0x"), ("-0x1", "-0x1"), ("e5", "e5"),
        ("+.nan", "+.nan"),
        ("2026-11-21", "2026-11-21"), ("2026-11-21T07:30:00Z", "2026-11-21T07:30:00Z"), ("'12'", "12"),
        ("\"true\"", "true"), ("''", ""),
        ("'it''s'", "it's"), (#""a\tb\u00e9\U0001F389\n""#, "a\tbé🎉\n"), ("a b  # c", "a b"), ("a#b", "a#b"),
        ("é日🎉", "é日🎉"),
        ("|\n  a\n   b\n", "a\n b\n"), (">\n  a\n  b\n\n  c\n", "a b\nc\n"), ("|-\n  12", "12"), ("a\n  b", "a b"),
    ]

    @Test("scalars without quotes are what the core schema says, and others are texts", arguments: scalarCases)
    func scalars(_ text: String, _ value: ConfigValue) throws {
        #expect(try yaml("a: \(text)") == ["a": value])
    }

    @Test("nan is a number", arguments: [".nan", ".NaN", ".NAN"])
    func nan(_ text: String) throws {
        guard case .number(let number) = try yaml(text) else {
            Issue.record("no number")
            return
        }
        #expect(number.isNaN)
    }

    @Test(
        "tags of the core schema say what a text is",
        arguments: [
            ("!!str 12", "12"), ("! 12", "12"), ("!!str", ""), ("!!str true", "true"), ("!!int \"12\"", 12),
            ("!!int 0x10", 16),
            ("!!float 1", 1.0), ("!!float \"1.5\"", 1.5), ("!!bool 'true'", true), ("!!null ''", .null),
            ("!!null ~", .null),
            ("!!seq [1]", [1]), ("!!map {a: 1}", ["a": 1]), ("!<tag:yaml.org,2002:str> 1", "1"),
            ("{!!str a: 1}", ["a": 1]),
        ] as [(String, ConfigValue)]
    )
    func tags(_ text: String, _ value: ConfigValue) throws {
        #expect(try yaml(text) == value)
    }

    @Test(
        "documents of lists, objects, anchors and aliases are read",
        arguments: [
            ("", .null), ("# only this\n", .null), ("---\n...\n", .null),
            ("- 1\n- [2, {a: 3}]\n-\n", [1, [2, ["a": 3]], nil]),
            ("%YAML 1.2\n---\na: 1\n...\n", ["a": 1]),
            ("a:\n  b:\n  - c\n  - d: e\n    f: g\n", ["a": ["b": ["c", ["d": "e", "f": "g"]]]]),
            ("{a: 1, 'b': [], c: {}, d}", ["a": 1, "b": [], "c": [:], "d": nil]),
            ("1: a\ntrue: b\n~: c\n", ["1": "a", "true": "b", "~": "c"]),
            ("a: &x 12\nb: *x\n", ["a": 12, "b": 12]),
            ("a: &x {b: [1, 2]}\nc: [*x, *x]\n", ["a": ["b": [1, 2]], "c": [["b": [1, 2]], ["b": [1, 2]]]]),
            ("a: &x 1\nb: &x 2\nc: *x\n", ["a": 1, "b": 2, "c": 2]), ("&k a: 1\nb: *k\n", ["a": 1, "b": "a"]),
            ("- &k a\n- {*k : 1}\n", ["a", ["a": 1]]),
            ("\"<<\": {a: 1}", ["<<": ["a": 1]]), ("a: <<", ["a": "<<"]), ("? a\n: 1\n", ["a": 1]),
            ("\u{FEFF}a: 1", ["a": 1]),
            ("a: 1\r\nb: 2\r\n", ["a": 1, "b": 2]), ("{\"a\":1,\"b\":[true,null]}", ["a": 1, "b": [true, nil]]),
        ] as [(String, ConfigValue)]
    )
    func documents(_ text: String, _ value: ConfigValue) throws {
        #expect(try yaml(text) == value)
    }

    @Test(
        "what is no YAML or goes beyond it is refused, with line and column",
        arguments: [
            ("a: 1\na: 2", 2, 1, "already"), ("{a: 1, \"a\": 2}", 1, 8, "already"), ("1: a\n'1': b", 2, 1, "already"),
            ("a: 1\n---\nb: 2", 2, 1, "second document"), ("<<: {a: 1}", 1, 1, "merge keys"),
            ("a: &x {b: 1}\nc:\n  <<: *x", 3, 3, "merge keys"),
            ("a: *x", 1, 4, "no such anchor"), ("a: &x [*x]", 1, 8, "no such anchor"),
            ("[a]: 1", 1, 1, "neither a list"), ("{a: 1}: 1", 1, 1, "neither a list"),
            ("? [a]\n: 1", 1, 3, "neither a list"), ("- &x [1]\n- {*x : 1}", 2, 4, "a key is a text"),
            ("a: !!binary aGk=", 1, 4, "of tags"),
            ("a: !mine b", 1, 4, "of tags"), ("!!set {a}", 1, 1, "no tag but !!map"),
            ("!!omap [a]", 1, 1, "no tag but !!seq"), ("!!int a", 1, 1, "!!int"),
            ("!!bool 1", 1, 1, "!!bool"), ("!!float a", 1, 1, "!!float"), ("!!null a", 1, 1, "!!null"),
            ("{!!int 1: a}", 1, 2, "no tag but !!str"),
            ("a: 9223372036854775808", 1, 4, "between"), ("a: 0x8000000000000000", 1, 4, "between"),
            ("a: 1e999", 1, 4, "out of the range"),
            ("a: 1e-999", 1, 4, "out of the range"), ("a: \"b", 1, 6, ""), ("a: [1", 2, 1, ""), ("a: {b", 2, 1, ""),
            ("a: b: c", 1, 5, ""), ("a:\n\t- b", 2, 1, ""),
            ("'a", 1, 3, ""), ("a: @b", 1, 4, ""), ("- a\nb: c", 2, 1, ""), ("a: %x", 1, 4, ""), ("\"\\q\"", 1, 2, ""),
            ("a: !foo!bar b", 1, 4, ""),
        ]
    )
    func refusing(_ text: String, _ line: Int, _ column: Int, _ message: String) throws {
        let error = try #require(throws: ConfigFormatError.self) { try yaml(text) }
        #expect((error.line, error.column) == (line, column), "\(error)")
        #expect(error.message.contains(message), "\(error)")
        #expect(error.format == .yaml)
    }

    @Test("control characters and what is not UTF-8 are refused where they stand")
    func bytes() throws {
        for bytes in [[0xFF], [0x00], [0x07], [0xC2, 0x80], [0xED, 0xA0, 0x80]] as [[UInt8]] {
            let content = ConfigContent(bytes: Array("a: 1\nb: ".utf8) + bytes, format: .yaml)
            let error = try #require(throws: ConfigFormatError.self) { try ConfigReader.all.check(content) }
            #expect((error.line, error.column) == (2, 4), "\(error)")
        }
        // With other encodings a text would be another one here than for those who only look.
        let wide = ConfigContent(bytes: [0xFF, 0xFE, 0x61, 0x00], format: .yaml)
        #expect(throws: ConfigFormatError.self) { try ConfigReader.all.check(wide) }
    }

    @Test("nothing stands deeper than 128 lists and objects, also not by way of aliases")
    func depth() throws {
        func nested(_ count: Int, _ inner: String = "") -> String {
            String(repeating: "[", count: count) + inner + String(repeating: "]", count: count)
        }
        _ = try yaml(nested(128))
        _ = try yaml("- &x \(nested(100))\n- \(nested(27, "*x"))")
        let byAlias = "- &x \(nested(100))\n- \(nested(28, "*x"))"
        for text in [nested(129), nested(500), nested(100_000), byAlias] {
            let error = try #require(throws: ConfigFormatError.self) { try yaml(text) }
            #expect(error.message.contains("128"), "\(error)")
        }
        let blocks = (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        #expect(throws: ConfigFormatError.self) { try yaml(blocks) }
    }

    @Test("a billion laughs end after a hundred thousand")
    func laughs() throws {
        var text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
        for level in 1...9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(aliases)]\n"
        }
        let error = try #require(throws: ConfigFormatError.self) { try yaml(text) }
        #expect(error.message.contains("100000") && error.line == 5, "\(error)")
        let few = "a: &a [1, 2]\nb: [" + Array(repeating: "*a", count: 30_000).joined(separator: ", ") + "]"
        _ = try yaml(few)
    }

    @Test("a document like those that people write is read into a Swift type")
    func whole() throws {
        struct Limits: Decodable, Equatable {
            var perSecond: Int
            var pause: Duration?
            var hosts: [String]
        }
        let text = """
            # By team.
            shop: &shop
              perSecond: 100
              pause: 1.5s
              hosts:
                - 10.0.0.1
                - "10.0.0.2"
            cart: *shop
            """
        let limits = try ConfigReader.all.decode([String: Limits].self, from: ConfigContent(text, format: .yaml))
        #expect(limits["cart"] == Limits(perSecond: 100, pause: .milliseconds(1500), hosts: ["10.0.0.1", "10.0.0.2"]))
        #expect(limits["shop"] == limits["cart"])
    }

    @Test("JSON is YAML: random values are read alike from the same text", arguments: 0..<8)
    func json(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        for _ in 0..<50 {
            let text = Self.randomJSON(depth: 4, &generator)
            #expect(
                try yaml(text) == ConfigReader.all.parse(ConfigContent(text, format: .json)),
                "\(text.debugDescription)"
            )
        }
    }

    private static func randomJSON(depth: Int, _ generator: inout SplitMix64) -> String {
        let scalars = [
            "null", "true", "false", "0", "-12", "1.5", "-2.5e-3", "1e3", #""""#, #""é\"\\\n\u00e9 #: 12""#, #""null""#,
        ]
        switch Int.random(in: depth == 0 ? 2..<3 : 0..<3, using: &generator) {
        case 0:
            let elements = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                Self.randomJSON(depth: depth - 1, &generator)
            }
            return "[" + elements.joined(separator: " , ") + "]"
        case 1:
            let members = (0..<Int.random(in: 0...3, using: &generator)).map { index in
                "\"k \(index)\": " + Self.randomJSON(depth: depth - 1, &generator)
            }
            return "{" + members.joined(separator: ",\n") + "}"
        default:
            return scalars.randomElement(using: &generator) ?? "null"
        }
    }

    @Test("YAML is read under all its names")
    func names() throws {
        for name in ["application/yaml", "text/yaml", "application/x-yaml", "application/openapi+yaml"] {
            let format = try ConfigContent.Format(mediaType: name)
            #expect(try ConfigReader.all.parse(ConfigContent("a: 1", format: format)) == ["a": 1])
        }
        #expect(try ConfigReader.all.parse(ConfigContent("{\"a\": 1}", format: .json)) == ["a": 1])
        #expect(try ConfigReader.all.parse(ConfigContent("a: 1")) == "a: 1")
    }
}

/// Reads a text as YAML by the reader of all formats.
func yaml(_ text: String) throws -> ConfigValue {
    try ConfigReader.all.parse(ConfigContent(text, format: .yaml))
}
