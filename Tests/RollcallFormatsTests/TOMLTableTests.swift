import Rollcall
import RollcallFormats
import Testing

@Suite("TOML: tables, and what may not be defined twice", .timeLimit(.minutes(1)))
struct TOMLTableTests {
    private static let documentCases: [(String, ConfigValue)] = [
        ("[a]", ["a": [:]]), ("[a]\n[b]\nx = 1", ["a": [:], "b": ["x": 1]]),
        ("[ a . 'b.c' ]\nx = 1", ["a": ["b.c": ["x": 1]]]),
        ("[a.b.c]\nx = 1\n[a]\ny = 2", ["a": ["b": ["c": ["x": 1]], "y": 2]]), ("[''.\"\"]", ["": ["": [:]]]),
        ("[x.y.z.w]\n[x]\na = 1\n[x.y]\nb = 2", ["x": ["a": 1, "y": ["b": 2, "z": ["w": [:]]]]]),
        ("[a.x]\n[b]\n[a.y]", ["a": ["x": [:], "y": [:]], "b": [:]]),
        ("t = 1\n[a]\nt = 2 # c\n\n", ["t": 1, "a": ["t": 2]]),
        ("[a] # comment\nx.y = 1\nx.z = 2", ["a": ["x": ["y": 1, "z": 2]]]),
        (
            "[fruit]\napple.color = 1\napple.taste.sweet = true\n[fruit.apple.texture]\nsmooth = true",
            ["fruit": ["apple": ["color": 1, "taste": ["sweet": true], "texture": ["smooth": true]]]]
        ),
        ("[[p]]\nn = 1\n[[p]]\n[[p]]\nn = 3", ["p": [["n": 1], [:], ["n": 3]]]),
        ("[[a.b]]\n[[a.b]]", ["a": ["b": [[:], [:]]]]),
        (
            "[[f]]\nn = 'a'\n[f.p]\nc = 1\n[[f.v]]\nn = 'r'\n[[f.v]]\nn = 'g'\n[[f]]\nn = 'b'\n[[f.v]]\nn = 'p'",
            ["f": [["n": "a", "p": ["c": 1], "v": [["n": "r"], ["n": "g"]]], ["n": "b", "v": [["n": "p"]]]]]
        ),
        ("[[a]]\n[a.b]\n[[a]]\n[a.b]", ["a": [["b": [:]], ["b": [:]]]]),
        (
            "[[a]]\nb.c = 1\n[[a]]\nb.c = 2",
            ["a": [["b": ["c": 1]], ["b": ["c": 2]]]]
        ),
        ("[a.b.c]\n[a]\nb.x = 1", ["a": ["b": ["c": [:], "x": 1]]]), ("[a.b]\n[a]\nc = 1", ["a": ["b": [:], "c": 1]]),
        ("a.b = 1\n[c]\na.b = 2", ["a": ["b": 1], "c": ["a": ["b": 2]]]),
        ("[a]\nb = {c = 1}\n[a.d]", ["a": ["b": ["c": 1], "d": [:]]]),
        ("[a]\r\nb = 1\r\n[c]\r\n", ["a": ["b": 1], "c": [:]]), ("[[ a . b ]]\nx=1", ["a": ["b": [["x": 1]]]]),
    ]

    @Test("tables are read wherever their headers stand", arguments: documentCases)
    func reading(_ text: String, _ value: ConfigValue) throws {
        #expect(try toml(text) == value)
    }

    @Test(
        "what is defined is not defined again",
        arguments: [
            "a = 1\na = 2", "a = 1\n\"a\" = 2", "a = 1\n'a' = 2", "a.b = 1\na.b = 2", "a = 1\na.b = 2",
            "a.b = 1\na = 2",
            "a.b.c = 1\na.b = 2", "[a]\n[a]", "[a]\nb = 1\n[a]\nc = 2", "[a]\nb = 1\n[a.b]", "[a]\nb = 1\n[a.b.c]",
            "[a.b]\n[a]\nb = 1", "[a.b]\n[a.b]", "a = 1\n[a]", "a = 1\n[[a]]", "a = []\n[[a]]", "a = [{}]\n[[a]]",
            "a = [{}]\n[a.b]", "[[a]]\n[a]", "[a]\n[[a]]", "[a.b]\n[[a]]", "[[a.b]]\n[[a]]", "[[a]]\n[a.b]\n[[a.b]]",
            "[[a]]\n[[a.b]]\n[a.b]",
            "a = {}\n[a]", "a = {}\n[a.b]", "a = {b = 1}\na.c = 2", "a = {b = {c = 1}}\na.b.d = 2", "a = {}\n[[a]]",
            "[a]\nb = {c = 1}\nb.d = 2", "[a]\nb = {c = 1}\n[a.b]", "a.b = 1\n[a]", "[a]\nb.c = 1\n[a.b]",
            "[a]\nb.c.d = 1\n[a.b.c]",
            "[a]\nb.c = 1\n[[a.b]]", "[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "[a.b.c.d]\nz = 9\n[a]\nb.c.d.k.t = 1",
            "[[a.b]]\n[a]\nb.y = 2",
            "[a.b.c]\n[a]\nb.x = 1\n[a.b]", "[[a]]\nb = 1\nb = 2", "[a.b]\n[a]\nb.c = 1", "a.b = [1]\n[[a.b]]",
            "[a]\nb = [1]\nb.c = 1",
        ]
    )
    func duplicates(_ text: String) throws {
        let error = try #require(throws: ConfigFormatError.self) { try toml(text) }
        #expect((error.line ?? 0) > 1 && error.column == 1, "\(error)")
    }

    @Test(
        "what is no header, no key and no line is refused",
        arguments: [
            "[]", "[[]]", "[a", "[a]]", "[[a]", "[[a] ]", "[ [a]]", "[a]b", "[a] b = 1", "[a.]", "[.a]", "[a..b]",
            "[a b]", "[a\n]",
            "[a=1]", "[[a]]b", "[a]\n]", "= 1", "a", "a =", "a = \n1", "a\n= 1", "a = 1 b = 2", "a b = 1", "a. = 1",
            ".a = 1", "a..b = 1",
            "é = 1", "a! = 1", "\"a = 1", "\"a\nb\" = 1", "\"\"\"a\"\"\" = 1", "'''a''' = 1", "a = 1\rb = 2", "a = 1\r",
            "# \u{0}", "# \u{1F}",
            "# \u{7F}", "# a\rb", "a = 1 # \u{8}", "\u{B}", "\u{A0}a = 1", "a = 1 \u{FEFF}", "\n\u{FEFF}a = 1",
            "[a]\u{0}", "a : 1",
            "[\"a\"b]", "\"a\"b = 1", "a+b = 1", "[a]#\u{0}",
        ]
    )
    func refusing(_ text: String) {
        #expect(throws: ConfigFormatError.self) { try toml(text) }
    }

    @Test("bytes that are not UTF-8 are refused where they stand")
    func notUTF8() throws {
        let content = ConfigContent(bytes: Array("a = 1\n# é".utf8) + [0xC3, 0x28], format: .toml)
        let error = try #require(throws: ConfigFormatError.self) { try ConfigReader.all.check(content) }
        #expect((error.line, error.column) == (2, 4))
    }

    @Test("nothing stands deeper than 128 tables and arrays, however it is written")
    func depth() throws {
        func nested(_ open: String, _ close: String, _ count: Int) -> String {
            "a = " + String(repeating: open, count: count) + "1" + String(repeating: close, count: count)
        }
        let path = Array(repeating: "a", count: 128).joined(separator: ".")
        let shorter = String(path.dropLast(2))
        let longest = [nested("[", "]", 127), nested("{a = ", "}", 127), "\(path) = 1", "[\(shorter)]"]
        for text in longest { #expect(throws: Never.self) { try toml(text) } }
        let many = Array(repeating: "a", count: 100_000).joined(separator: ".")
        var tooLong = [
            nested("[", "]", 128), nested("{a = ", "}", 128), "\(path).a = 1", "[\(path)]", "[[\(shorter)]]",
        ]
        tooLong += [
            "\(many) = 1", "[\(many)]", nested("[", "]", 100_000), nested("{a = ", "}", 100_000), "a = {\(many) = 1}",
        ]
        for text in tooLong {
            let error = try #require(throws: ConfigFormatError.self) { try toml(text) }
            #expect(error.message.contains("128"), "\(error)")
        }
    }

    @Test("a document like those that people write is read into a Swift type")
    func whole() throws {
        struct Server: Decodable, Equatable {
            var host: String
            var ports: [UInt16]
            var timeout: Duration
        }
        struct Document: Decodable {
            var title: String
            var servers: [String: Server]
            var rules: [[String: String]]
        }
        let text = """
            # A shop.
            title = "Shop"

            [servers.alpha]
            host = "10.0.0.1"
            ports = [8000, 8_001]
            timeout = "1.5s"

            [servers]
            beta = { host = '10.0.0.2', ports = [], timeout = "10s" }

            [[rules]]
            path = '^/a\\d+$'
            [[rules]]
            path = "/b"
            """
        let document = try ConfigReader.all.decode(Document.self, from: ConfigContent(text, format: .toml))
        #expect(document.title == "Shop")
        #expect(document.servers["alpha"]?.ports == [8000, 8001])
        #expect(document.servers["alpha"]?.timeout == .milliseconds(1500))
        #expect(document.servers["beta"] == Server(host: "10.0.0.2", ports: [], timeout: .seconds(10)))
        #expect(document.rules == [["path": "^/a\\d+$"], ["path": "/b"]])
    }
}
