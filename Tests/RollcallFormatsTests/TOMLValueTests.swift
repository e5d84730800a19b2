import Rollcall
import RollcallFormats
import Testing

@Suite("TOML: keys and values", .timeLimit(.minutes(1)))
struct TOMLValueTests {
    private static let textCases: [(String, ConfigValue)] = [
        (#""""#, ""), ("''", ""), (#""a\b\t\n\f\r\"\\z""#, "a\u{8}\t\n\u{C}\r\"\\z"),
        (#""\u00e9\U0001F389\u0000""#, "é🎉\u{0}"), ("\"a\tb # no comment\"", "a\tb # no comment"),
        (#"'C:\Users\n"quoted"'"#, #"C:\Users\n"quoted""#), ("\"\"\"\"\"\"", ""), ("''''''", ""),
        ("\"\"\"\nRoses\nViolets\"\"\"", "Roses\nViolets"), ("\"\"\"\r\na\r\nb\"\"\"", "a\nb"),
        ("\"\"\"\n\na\"\"\"", "\na"),
        ("\"\"\"a \\\n\n   \t b\"\"\"", "a b"), ("\"\"\"a\\  \n b\"\"\"", "ab"), ("\"\"\"a\\\r\n b\"\"\"", "ab"),
        ("\"\"\"\\\n  a\\\n  \"\"\"", "a"),
        (#""""a "quote", ""two"", \""" three""""#, #"a "quote", ""two"", """ three"#),
        ("\"\"\"\"a\"\"\"\"", "\"a\""), ("\"\"\"\"\"a\"\"\"\"\"", "\"\"a\"\""), ("'''a''b'c'''", "a''b'c"),
        ("'''''two'''''", "''two''"), ("'''\nI [dw]on't\\n\n'''", "I [dw]on't\\n\n"),
        ("\"\"\"\\u65E5\t\\\\\"\"\"", "日\t\\"),
        ("\"é日🎉\"", "é日🎉"),
    ]

    private static let numberCases: [(String, ConfigValue)] = [
        ("0", 0), ("+0", 0), ("-0", 0), ("+99", 99), ("-17", -17), ("1_000", 1000), ("5_349_221", 5_349_221),
        ("1_2_3", 123), ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("0xDEADBEEF", 0xDEAD_BEEF), ("0xdead_beef", 0xDEAD_BEEF), ("0x00ff", 255), ("0o01234567", 342_391),
        ("0o7_55", 493), ("0b11010110", 214), ("0b1_0", 2), ("0x7fffffffffffffff", .integer(.max)), ("+1.0", 1.0),
        ("3.1415", 3.1415), ("-0.01", -0.01), ("5e+22", 5e22), ("1e06", 1e6), ("-2E-2", -0.02),
        ("6.626e-34", 6.626e-34),
        ("224_617.445_991_228", 224_617.445_991_228), ("0.0", 0.0), ("-0.0", -0.0), ("0e5", 0.0), ("1e1_0", 1e10),
        ("inf", .number(.infinity)), ("+inf", .number(.infinity)), ("-inf", .number(-.infinity)), ("true", true),
        ("false", false), ("3e-324", .number(.leastNonzeroMagnitude)),
    ]

    private static let dateCases: [(String, ConfigValue)] = [
        ("1979-05-27T07:32:00Z", "1979-05-27T07:32:00Z"), ("1979-05-27t07:32:00z", "1979-05-27T07:32:00Z"),
        ("1979-05-27 00:32:00.999999-07:00", "1979-05-27T00:32:00.999999-07:00"),
        ("1979-05-27T07:32:00", "1979-05-27T07:32:00"), ("1979-05-27 07:32:00.5", "1979-05-27T07:32:00.5"),
        ("1979-05-27", "1979-05-27"), ("1979-05-27 ", "1979-05-27"), ("1979-05-27 # day", "1979-05-27"),
        ("07:32:00", "07:32:00"), ("00:32:00.999999", "00:32:00.999999"), ("2000-02-29", "2000-02-29"),
        ("1987-07-05 17:45:56+00:00", "1987-07-05T17:45:56+00:00"), ("1990-12-31T23:59:60Z", "1990-12-31T23:59:60Z"),
    ]

    private static let collectionCases: [(String, ConfigValue)] = [
        ("[]", []), ("[ 1, 2, 3 ]", [1, 2, 3]), ("[1,2,]", [1, 2]), ("[\n1 # one\n,\n# two\n2,\n]", [1, 2]),
        ("[[1, 2], ['a', \"b\", '''c''']]", [[1, 2], ["a", "b", "c"]]),
        ("[0.1, 1, 'mixed', {a = 1}]", [0.1, 1, "mixed", ["a": 1]]),
        ("[1979-05-27 07:32:00,1979-05-27]", ["1979-05-27T07:32:00", "1979-05-27"]), ("{}", [:]), ("{ }", [:]),
        ("{ a = 1, b.c = 2, b.d = 3 }", ["a": 1, "b": ["c": 2, "d": 3]]), ("{a=[\n1,\n2\n]}", ["a": [1, 2]]),
        ("{ a = { b = { c = 1 } } }", ["a": ["b": ["c": 1]]]), ("{ a = '''\nx\n''' }", ["a": "x\n"]),
        ("[{x=1}, {x=2}]", [["x": 1], ["x": 2]]),
    ]

    @Test("texts of all four kinds", arguments: textCases)
    func texts(_ text: String, _ value: ConfigValue) throws { try Self.check(text, value) }

    @Test("whole numbers in all bases, and others", arguments: numberCases)
    func numbers(_ text: String, _ value: ConfigValue) throws { try Self.check(text, value) }

    @Test("dates and times are texts in the form of RFC 3339", arguments: dateCases)
    func dates(_ text: String, _ value: ConfigValue) throws { try Self.check(text, value) }

    @Test("arrays and inline tables", arguments: collectionCases)
    func collections(_ text: String, _ value: ConfigValue) throws { try Self.check(text, value) }

    @Test("nan is a number, with any sign", arguments: ["nan", "+nan", "-nan"])
    func nan(_ text: String) throws {
        guard case .object(let members) = try toml("a = \(text)"), case .number(let number) = members["a"] else {
            Issue.record("no number")
            return
        }
        #expect(number.isNaN)
    }

    private static func check(_ text: String, _ value: ConfigValue) throws {
        #expect(try toml("a = \(text)") == ["a": value])
        #expect(try toml("a=\(text)\r\n") == ["a": value])
    }

    @Test(
        "keys are bare, in quotes, or several with dots between them",
        arguments: [
            ("key = 1", ["key": 1]), ("bare_key-1 = 1", ["bare_key-1": 1]), ("1234 = 1", ["1234": 1]),
            ("- = 1", ["-": 1]),
            ("\"127.0.0.1\" = 1", ["127.0.0.1": 1]), ("'quoted \"v\"' = 1", ["quoted \"v\"": 1]), ("\"\" = 1", ["": 1]),
            ("'' = 1", ["": 1]), ("\"ʎǝʞ\\n\" = 1", ["ʎǝʞ\n": 1]), ("a.b.c = 1", ["a": ["b": ["c": 1]]]),
            ("a . \"b.c\"\t.\t'd' = 1", ["a": ["b.c": ["d": 1]]]), ("3.14159 = 1", ["3": ["14159": 1]]),
            ("true = 1\ninf = 2", ["true": 1, "inf": 2]), (" \ta = 1 \t# end", ["a": 1]),
            ("a.b = 1\na.c = 2\nd.e = 3\na.f.g = 4", ["a": ["b": 1, "c": 2, "f": ["g": 4]], "d": ["e": 3]]),
        ] as [(String, ConfigValue)]
    )
    func keys(_ text: String, _ value: ConfigValue) throws {
        #expect(try toml(text) == value)
    }

    @Test(
        "a document of nothing, space and comments is an empty object",
        arguments: ["", "\n", " \t\r\n", "# a", "#\té日\n\n#", "\u{FEFF}", "\u{FEFF}# a"]
    )
    func nothing(_ text: String) throws {
        #expect(try toml(text) == [:])
    }

    private static let refusedCases: [String] = [
        // Texts.
        "\"", "\"a", "'a", "\"\"\"a", "'''a", "\"\"\"a\"\"", "\"a\nb\"", "'a\nb'", "\"a\r\nb\"", #""\x""#, #""\e""#,
        #""\ ""#,
        #""\u12""#, #""\u12G4""#, #""\ud800""#, #""\uDFFF""#, #""\U00110000""#, #""\UFFFFFFFF""#, "\"\u{0}\"",
        "\"\u{1F}\"",
        "\"\u{7F}\"", "'\u{B}'", "'''\u{0}'''", "\"\"\"\u{8}\"\"\"", "\"\"\"a\rb\"\"\"", "'''a\rb'''",
        "\"\"\"a\\ b\"\"\"",
        "\"\"\"a\"\"\"\"\"\"", "''''''a'''", "'''a''''''", "\"a\" \"b\"", "\"a\"b", "'it''s'", "\"\\", "\"\"\"\\",
        // Numbers.
        "01", "+01", "-01", "00", "1__0", "_1", "1_", "+_1", "--1", "+-1", "0x", "0o", "0b", "0xG", "0o8", "0b2",
        "+0x1", "-0b1",
        "0X1", "0O1", "0B1", "0x_1", "0x1_", "0x1__2", "9223372036854775808", "-9223372036854775809",
        "0x8000000000000000",
        "1.", ".5", "+.5", "1.e5", "1._5", "1_.5", "1.5_", "1e", "1e+", "1e_5", "1e5_", "1e1.5", "1.5.5", "01.5",
        "1e309",
        "1e-400", "Inf", "INF", "NaN", "++inf", "infinity", "1,5", "1 000", "0x1p3", "1e--5", "1f", "٣",
        // Dates and times.
        "1979-05-27T", "1979-05-27T07:32", "1979-05-27 07:32", "1979-13-27", "1979-05-32", "1900-02-29", "1979-5-27",
        "07:32", "7:32:00", "24:00:00", "07:60:00", "07:32:61", "07:32:00.", "1979-05-27T07:32:00.Z", "07:32:00Z",
        "1979-05-27T07:32:00+25:00", "1979-05-27T07:32:00+01:60", "1979-05-27T07:32:00+0100", "1979-05-27Z",
        "1979-05-27  07:32:00", "1979-05-27_07:32:00", "79-05-27", "+1979-05-27",
        // Words, arrays, inline tables.
        "", "True", "FALSE", "truex", "yes", "null", "nil", "a", "@", "=", "#", "[", "]", "[1", "[1 2]", "[,]", "[,1]",
        "[1,,2]", "[1]]", "[1}", "{", "}", "{a}", "{a=}", "{a=1", "{a=1,}", "{,}", "{a=1 b=2}", "{a=1,,b=2}",
        "{a=1,\nb=2}",
        "{\na=1}", "{a=1\n}", "{a=1 # c\n}", "{a=1]", "{a=1,a=2}", "{a.b=1,a=2}", "{a=1,a.b=2}", "{a={b=1},a.c=2}",
        "{[a]=1}",
        "1 2", "1 a", "'a' = 1", "[1] 2", "{} 1",
    ]

    @Test("values that TOML does not have are refused in their line", arguments: refusedCases)
    func refusing(_ value: String) throws {
        let error = try #require(throws: ConfigFormatError.self) { try toml("ok = 1\na = \(value)") }
        #expect((error.line ?? 0) >= 2 && (error.column ?? 0) >= 1, "\(error)")
        #expect(error.format == .toml)
    }

    @Test("errors stand where the fault is")
    func places() throws {
        for (text, line, column) in [
            ("a = 1\nb = é", 2, 5), ("a = 1 b", 1, 7), ("é = 1", 1, 1), ("a", 1, 2), ("a = \"日\\x\"", 1, 7),
            ("[a", 1, 3),
            ("\n[a]\n[a]", 3, 1), ("a = [1,\n\n 01]", 3, 2), ("a = 1\na = 2", 2, 1), ("a = \"\"\"\n\n\\q", 3, 1),
            ("a = 'x", 1, 5),
            ("a.b = 1\na.b.c = 1", 2, 1),
        ] {
            let error = try #require(throws: ConfigFormatError.self) { try toml(text) }
            #expect((error.line, error.column) == (line, column), "\(text.debugDescription): \(error)")
        }
    }
}

/// Reads a text as TOML by the reader of all formats.
func toml(_ text: String) throws -> ConfigValue {
    try ConfigReader.all.parse(ConfigContent(text, format: .toml))
}
