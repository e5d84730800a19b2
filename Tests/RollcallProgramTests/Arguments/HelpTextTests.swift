import Rollcall
import RollcallProgram
import Testing

@Suite("HelpText", .timeLimit(.minutes(1)))
struct HelpTextTests {
    @Test(
        "help lists every command, however it is asked for",
        arguments: [["--help"], ["-h"], ["help"]]
    )
    func list(_ arguments: [String]) async {
        let bench = Workbench()
        #expect(await bench.run(arguments) == .done)
        for spec in bench.program.specs {
            #expect(bench.output.text.contains("  \(spec.name)"))
            #expect(bench.output.text.contains(spec.summary))
        }
        #expect(bench.output.text.contains("130 interrupted"))
        #expect(bench.errors.text.isEmpty)
    }

    @Test(
        "every command explains its arguments and options, however it is asked",
        arguments: CommandList.all.map(\.spec)
    )
    func command(_ spec: CommandSpec) async {
        for arguments in [
            spec.words + ["--help"], ["help"] + spec.words, ["--help"] + spec.words, spec.words + ["x", "-h"],
        ] {
            let bench = Workbench()
            #expect(await bench.run(arguments) == .done)
            let help = bench.output.text
            #expect(help.contains(spec.usage))
            for place in spec.positionals { #expect(help.contains("  \(place.text)")) }
            for option in spec.allOptions {
                #expect(help.contains("\(option.text) ") || help.contains("\(option.text)\n"))
                #expect(help.contains(option.help))
            }
        }
    }

    @Test("the common options are those that the command line promises")
    func common() {
        let promised = [
            "backend", "namespace", "token", "token-file", "layout", "output", "timeout", "quiet", "verbose",
            "no-color", "help",
        ]
        #expect(CommonOptions.all.map(\.name) == promised)
        #expect(CommonOptions.defaultBackend == "hub://127.0.0.1:20000")
    }

    @Test("a group's help lists its commands only")
    func group() {
        let text = HelpText.list(
            [CommandSpec("logs serve", summary: "one"), CommandSpec("demo", summary: "two")],
            group: "logs"
        )
        #expect(text.contains("Usage: rollcall logs COMMAND"))
        #expect(text.contains("logs serve  one"))
        #expect(!text.contains("demo"))
    }

    @Test("the version is told")
    func version() async {
        let bench = Workbench()
        #expect(await bench.run("--version") == .done)
        #expect(bench.output.text == "rollcall \(RollcallVersion.text)\n")
    }
}
