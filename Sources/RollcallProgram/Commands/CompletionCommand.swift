extension PositionalSpec {
    /// A shell that there is a script for.
    fileprivate static let shell = PositionalSpec(
        "SHELL",
        .one,
        choices: CompletionScript.Shell.allCases.map(\.rawValue),
        "the shell"
    )
}

/// `rollcall completion`: the script by which a shell completes the command line.
struct CompletionCommand: Command {
    let spec = CommandSpec(
        "completion",
        summary: "write the script by which a shell completes the command line",
        positionals: [.shell],
        examples: [
            "source <(rollcall completion bash)",
            "rollcall completion zsh > ~/.zfunc/_rollcall",
            "rollcall completion fish > ~/.config/fish/completions/rollcall.fish",
        ]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let name = try context.arguments.required("SHELL")
        guard let shell = CompletionScript.Shell(rawValue: name) else {
            throw context.arguments.misuse("there is no script for \(name)")
        }
        try context.terminal.text(CompletionScript.text(for: shell, context.program.specs))
        return .done
    }
}
