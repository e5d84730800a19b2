extension CompletionScript {
    static func fish(_ commands: [CommandSpec]) -> String {
        var lines = [
            "# fish completion for rollcall: put it at ~/.config/fish/completions/rollcall.fish",
            "complete -c rollcall -f",
        ]
        for first in self.firstWords(commands) {
            lines.append(self.fishLine("-n __fish_use_subcommand -a \(first.word)", first.summary))
        }
        lines.append(self.fishLine("-n __fish_use_subcommand -a help", "explain a command"))
        for group in self.groups(commands) {
            let names = group.members.compactMap { $0.words.dropFirst().first }
            let condition = """
                __fish_seen_subcommand_from \(group.word); and not __fish_seen_subcommand_from \
                \(names.joined(separator: " "))
                """
            for member in group.members {
                let name = member.words.dropFirst().joined(separator: " ")
                lines.append(self.fishLine("-n '\(condition)' -a '\(name)'", member.summary))
            }
        }
        for option in CommonOptions.all { lines.append(self.fishOption(option, condition: nil)) }
        for command in commands {
            let condition = command.words.map { "__fish_seen_subcommand_from \($0)" }.joined(separator: "; and ")
            for option in command.options { lines.append(self.fishOption(option, condition: condition)) }
            for place in command.positionals where !place.choices.isEmpty {
                lines.append(
                    self.fishLine("-n '\(condition)' -a '\(place.choices.joined(separator: " "))'", place.help)
                )
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func fishOption(_ option: OptionSpec, condition: String?) -> String {
        var words = condition.map { ["-n '\($0)'"] } ?? []
        if let short = option.short { words.append("-s \(short)") }
        words.append("-l \(option.name)")
        if option.takesValue {
            let choices = option.choices.isEmpty ? "-x" : "-x -a '\(option.choices.joined(separator: " "))'"
            words.append(option.takesPath ? "-r -F" : choices)
        }
        return self.fishLine(words.joined(separator: " "), option.help)
    }

    private static func fishLine(_ words: String, _ help: String) -> String {
        // In fish's single quotes only the quote and the backslash mean something.
        let text = help.reduce(into: "") { text, character in
            text += character == "'" || character == "\\" ? "\\\(character)" : String(character)
        }
        return "complete -c rollcall \(words) -d '\(text)'"
    }
}
