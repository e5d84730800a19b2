/// Writes the help from the descriptions of the commands.
package enum HelpText {
    /// What the exit codes mean, for the foot of each help.
    static let exitCodes = """
        Exit codes: 0 done, 1 not there or a check failed, 2 wrong usage, 3 registry not reachable,
        4 refused, 5 conflict, 130 interrupted.
        """

    /// The list of the commands and the options that all of them take.
    ///
    /// - Parameters:
    ///   - commands: The commands.
    ///   - group: Whose commands to list; `nil` for all.
    /// - Returns: The text, which ends with a line break.
    package static func list(_ commands: [CommandSpec], group: String? = nil) -> String {
        let listed = commands.filter { group == nil || $0.words.first == group }
        let name = group.map { "rollcall \($0)" } ?? "rollcall"
        return [
            group == nil ? "Rollcall: service discovery.\n" : "",
            "Usage: \(name) COMMAND [OPTION…]\n",
            self.section("Commands", listed.map { ($0.name, $0.summary) }),
            self.section("Options of every command", self.rows(CommonOptions.all)),
            "'rollcall COMMAND --help' explains a command, 'rollcall --version' names the version.",
            self.exitCodes,
        ]
        .filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
    }

    /// What one command does and takes.
    package static func command(_ spec: CommandSpec) -> String {
        [
            "rollcall \(spec.name): \(spec.summary)\n",
            "Usage: \(spec.usage)\n",
            spec.discussion.isEmpty ? "" : spec.discussion + "\n",
            self.section("Arguments", spec.positionals.map { ($0.text, self.help(of: $0)) }),
            self.section("Options", self.rows(spec.options)),
            self.section("Options of every command", self.rows(spec.allOptions.filter { !spec.options.contains($0) })),
            spec.examples.isEmpty ? "" : "Examples:\n" + spec.examples.map { "  \($0)\n" }.joined(),
            self.exitCodes,
        ]
        .filter { !$0.isEmpty }.joined(separator: "\n") + "\n"
    }

    private static func help(of place: PositionalSpec) -> String {
        place.choices.isEmpty ? place.help : "\(place.help): \(place.choices.joined(separator: ", "))"
    }

    private static func rows(_ options: [OptionSpec]) -> [(String, String)] {
        options.map { option in
            let short = option.short.map { "-\($0), " } ?? ""
            let value = option.placeholder.isEmpty ? "" : " \(option.placeholder)"
            return (short + option.text + value, option.help + (option.isRepeatable ? "; may be repeated" : ""))
        }
    }

    private static func section(_ title: String, _ rows: [(term: String, text: String)]) -> String {
        guard !rows.isEmpty else { return "" }
        let width = min(rows.map(\.term.count).max() ?? 0, 26)
        let lines = rows.map { row in
            let fits = row.term.count <= width
            let padding = String(repeating: " ", count: fits ? width - row.term.count : width)
            return fits ? "  \(row.term)\(padding)  \(row.text)\n" : "  \(row.term)\n  \(padding)  \(row.text)\n"
        }
        return "\(title):\n" + lines.joined()
    }
}
