import Rollcall
import RollcallProgram
import Testing

@Suite("Completion", .timeLimit(.minutes(1)))
struct CompletionScriptTests {
    private static let specs =
        CommandList.all.map(\.spec) + [
            CommandSpec("cellar open", summary: "it's [one]: a server", options: [.value("retain", "N", "how many")]),
            CommandSpec("cellar taste", summary: "follow", options: [.flag("all", short: "a", "all")]),
        ]

    @Test("each script knows every command, option and choice", arguments: CompletionScript.Shell.allCases)
    func completeness(_ shell: CompletionScript.Shell) {
        let script = CompletionScript.text(for: shell, Self.specs)
        for spec in Self.specs {
            for word in spec.words { #expect(script.contains(word)) }
            for option in spec.allOptions {
                #expect(script.contains(shell == .fish ? "-l \(option.name)" : option.text))
                #expect(option.choices.isEmpty || script.contains(option.choices.joined(separator: " ")))
            }
            for place in spec.positionals where !place.choices.isEmpty {
                #expect(script.contains(place.choices.joined(separator: " ")))
            }
        }
    }

    @Test("the command writes the script", arguments: ["bash", "zsh", "fish"])
    func command(_ shell: String) async {
        let bench = Workbench()
        #expect(await bench.run("completion", shell) == .done)
        #expect(bench.output.text.contains("rollcall"))
        #expect(await bench.run("completion", "tcsh") == .usage)
        #expect(bench.errors.text.contains("\"tcsh\" is not one of bash, zsh, fish"))
    }

    /// Runs a script in a shell that is given it on its command line, and returns what it writes.
    private func shell(_ name: String, _ arguments: [String]) async throws -> (status: ProcessEnd?, text: String)? {
        let folder = try TemporaryFolder()
        let file = folder.path + "/out"
        let child: ChildProcess
        do throws(AttemptError) {
            child = try ChildProcess(
                [name] + arguments,
                environment: ["PATH": "/usr/bin:/bin"],
                output: .file(file),
                errors: .file(folder.path + "/errors")
            )
        } catch {
            // Not every machine has every shell.
            return nil
        }
        return (await child.wait(), folder.read("out"))
    }

    @Test("the shells find no fault in the scripts", arguments: CompletionScript.Shell.allCases)
    func syntax(_ shell: CompletionScript.Shell) async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/script"
        try folder.write(CompletionScript.text(for: shell, Self.specs), to: "script")
        guard let result = try await self.shell(shell.rawValue, ["-n", path]) else { return }
        #expect(result.status == .exited(0))
    }

    /// The words as bash gives them to a script: taken apart at `:` and `=`, whole runs of which are words, too.
    private static func takenApart(_ words: [String]) -> String {
        let parts = (["rollcall"] + words).flatMap { word -> [String] in
            var parts: [String] = []
            for character in word {
                let isMark = ":=".contains(character)
                if let last = parts.last?.last, ":=".contains(last) == isMark {
                    parts[parts.count - 1].append(character)
                } else {
                    parts.append(String(character))
                }
            }
            return parts.isEmpty ? [""] : parts
        }
        return parts.map { "'\($0)'" }.joined(separator: " ")
    }

    @Test(
        "bash completes commands, options, choices and commands of groups",
        arguments: [
            (["re"], ["register"]), (["instances", "web", "--st"], ["--status"]),
            (["instances", "web", "--status", "w"], ["warning"]), (["completion", ""], ["bash", "zsh", "fish"]),
            (["--quiet", "cellar", "t"], ["taste"]), (["cellar", "open", "--ret"], ["--retain"]),
            (["--output", "json", "hea"], ["health"]), (["--token-file", "/dev/nul"], ["/dev/null"]),
            (["services", "--namespace", ""], []),
            (["--output", ""], ["table", "json"]), (["--output=j"], ["json"]),
            (["services", "--output="], ["table", "json"]), (["instances", "web", "--status=w"], ["warning"]),
            (["--backend", "hub://127.0.0.1:20000", "ser"], ["serve", "services"]),
            (["--backend=hub://127.0.0.1:20000", "instances", "web", "--zo"], ["--zone"]),
        ]
    )
    func bash(_ words: [String], _ expected: [String]) async throws {
        let folder = try TemporaryFolder()
        try folder.write(
            """
            \(CompletionScript.text(for: .bash, Self.specs))
            COMP_WORDS=(\(Self.takenApart(words))); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            COMP_LINE='\((["rollcall"] + words).joined(separator: " "))'; _rollcall
            for word in "${COMPREPLY[@]}"; do [[ $word == -* && -z "\(words.last ?? "")" ]] || echo "$word"; done
            """,
            to: "script"
        )
        guard let result = try await self.shell("bash", [folder.path + "/script"]) else { return }
        #expect(result.text.split(separator: "\n").map(String.init) == expected)
    }
}
