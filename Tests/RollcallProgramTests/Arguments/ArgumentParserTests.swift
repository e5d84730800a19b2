import RollcallProgram
import Testing

@Suite("ArgumentParser")
struct ArgumentParserTests {
    private static let call = CommandSpec(
        "call",
        summary: "call",
        positionals: [PositionalSpec("TARGET", .one, "the target"), PositionalSpec("MODE", .optional, "the mode")],
        options: [
            .value("method", "METHOD", short: "X", "the method"),
            .value("header", "HEADER", short: "H", isRepeatable: true, "a header"),
            .flag("include", short: "i", "the head too"),
            .value("colour", choices: ["red", "blue"], "a colour"),
        ]
    )
    private static let commands = [
        call,
        CommandSpec("watch", summary: "watch", positionals: [PositionalSpec("NAME", .many, "names")]),
        CommandSpec(
            "lock",
            summary: "lock",
            positionals: [PositionalSpec("NAME", .one, choices: ["a", "b"], "name")],
            trailing: .required
        ),
        CommandSpec("logs serve", summary: "serve logs"),
        CommandSpec("logs tail", summary: "follow logs"),
    ]

    private func parse(_ words: String) throws -> ParsedArguments {
        let request = try ArgumentParser(Self.commands).parse(words.split(separator: " ").map(String.init))
        guard case .run(let parsed) = request else { throw UsageError("not a command to run: \(words)") }
        return parsed
    }

    @Test(
        "an option's value stands behind it, or behind '='",
        arguments: [
            "call a --method PUT", "call --method=PUT a", "call a -X PUT", "call a -XPUT", "call a -X=PUT",
            "call a --method PUT --include -i",
        ]
    )
    func optionForms(_ words: String) throws {
        let parsed = try self.parse(words)
        #expect(parsed.option("method") == "PUT")
        #expect(parsed.value("TARGET") == "a")
        #expect(parsed.value("MODE") == nil)
        #expect(parsed.flag("include") == words.contains("-i"))
    }

    @Test("repeated options keep their order, and a value may be anything behind '='")
    func repeated() throws {
        let parsed = try self.parse("call a -H one --header two --method=-x=y --header=")
        #expect(parsed.options("header") == ["one", "two", ""])
        #expect(parsed.option("method") == "-x=y")
        #expect(parsed.options("nothing") == [])
    }

    @Test("common options stand before or behind the command's name")
    func common() throws {
        let parsed = try self.parse("--output json --quiet watch one two --timeout 3s")
        #expect(parsed.option("output") == "json")
        #expect(parsed.flag("quiet"))
        #expect(try parsed.duration("timeout") == .seconds(3))
        #expect(parsed.values("NAME") == ["one", "two"])
    }

    @Test("behind -- nothing is an option, and for some it is a command line")
    func behindDashes() throws {
        #expect(try self.parse("watch -- --one -x").values("NAME") == ["--one", "-x"])
        let lock = try self.parse("lock a -- run --fast -- x")
        #expect(lock.trailing == ["run", "--fast", "--", "x"])
        #expect(try self.parse("call -").value("TARGET") == "-")
    }

    @Test("a command of a group has two words")
    func groups() throws {
        #expect(try self.parse("logs tail").spec.name == "logs tail")
        guard case .list(let group) = try ArgumentParser(Self.commands).parse(["logs", "--help"]) else {
            Issue.record("no list")
            return
        }
        #expect(group == "logs")
    }

    @Test(
        "what is wrong is named, with what may have been meant",
        arguments: [
            ("", "a command is missing", nil),
            ("cal a", "\"cal\" is not a command", "rollcall call"),
            ("wacth a", "\"wacth\" is not a command", "rollcall watch"),
            ("zzzzzz", "\"zzzzzz\" is not a command", nil),
            ("logs", "'logs' needs one of: serve, tail", nil),
            ("logs tial", "\"tial\" is not a command of 'logs'", "rollcall logs tail"),
            ("call a --methd PUT", "\"--methd\" is not an option of 'call'", "--method"),
            ("call a --zzzzzzzzz", "\"--zzzzzzzzz\" is not an option of 'call'", nil),
            ("call a -Z", "\"-Z\" is not an option of 'call'", nil),
            ("--bakend x call a", "\"--bakend\" is not an option", "--backend"),
            ("call", "TARGET is missing", nil),
            ("watch", "NAME is missing", nil),
            ("call a b c", "\"c\" is one argument too many", nil),
            ("lock a b", "\"b\" is one argument too many; a command to run stands behind --", nil),
            ("lock a", "the command to run is missing; it stands behind --", nil),
            ("lock c -- x", "NAME: \"c\" is not one of a, b", nil),
            ("call a --method", "--method needs a value (METHOD)", nil),
            (
                "call a --method --include",
                "--method needs a value (METHOD); a value that begins with '-' is written --method=VALUE", nil
            ),
            ("call a --method x --method y", "--method is given twice", nil),
            ("call a --include=yes", "--include takes no value", nil),
            ("call a --colour green", "--colour: \"green\" is not one of red, blue", nil),
            ("call a --output xml", "--output: \"xml\" is not one of table, json", nil),
        ] as [(String, String, String?)]
    )
    func misuse(_ words: String, _ message: String, _ suggestion: String?) {
        let error = #expect(throws: UsageError.self) { try self.parse(words) }
        #expect(error?.message == message)
        #expect(error?.suggestion == suggestion)
    }

    @Test("misuse of a command comes with its usage line")
    func usage() {
        let error = #expect(throws: UsageError.self) { try self.parse("lock") }
        #expect(error?.usage == "rollcall lock NAME [OPTION…] -- COMMAND…")
        #expect(Self.call.usage == "rollcall call TARGET [MODE] [OPTION…]")
        #expect(Self.commands[1].usage == "rollcall watch NAME… [OPTION…]")
    }

    @Test(
        "values are read by the rules of the model, and errors name the option",
        arguments: [
            ("call a --timeout soon", "--timeout: \"soon\" is not a duration such as 500ms, 10s, 5m or 2h"),
            ("call a --timeout 0s", "--timeout: must be above zero"),
            ("call a --method 70000", "--method: \"70000\" is not a whole number from 0 to 65535"),
            ("call a --method many", "--method: \"many\" is not a whole number from 0 to 65535"),
        ]
    )
    func values(_ words: String, _ message: String) throws {
        let parsed = try self.parse(words)
        let error = #expect(throws: UsageError.self) {
            _ = try parsed.duration("timeout")
            _ = try parsed.integer("method", in: 0...65535)
        }
        #expect(error?.message == message)
    }

    @Test("the nearest name is the one with the fewest keystrokes between")
    func nearest() {
        let names = ["--timeout", "--token", "--token-file", "--tag"]
        #expect(NearestName.find("--tokne", among: names) == "--token")
        #expect(NearestName.find("--time", among: names) == "--timeout")
        #expect(NearestName.find("x", among: names) == nil)
        #expect(NearestName.find("", among: []) == nil)
    }
}
