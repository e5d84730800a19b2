/// Writes the scripts by which shells complete the command line, from the descriptions of the commands.
package enum CompletionScript {
    /// The shells that there is a script for.
    package enum Shell: String, CaseIterable, Sendable {
        /// GNU bash 4 or newer.
        case bash
        /// Z shell.
        case zsh
        /// fish 3 or newer.
        case fish
    }

    /// The script for a shell.
    ///
    /// - Parameters:
    ///   - shell: The shell.
    ///   - commands: The commands to complete.
    /// - Returns: The text, to be sourced or put where the shell looks for completions.
    package static func text(for shell: Shell, _ commands: [CommandSpec]) -> String {
        switch shell {
        case .bash: self.bash(commands)
        case .zsh: self.zsh(commands)
        case .fish: self.fish(commands)
        }
    }

    /// The first words of the commands, each once, with what it does.
    static func firstWords(_ commands: [CommandSpec]) -> [(word: String, summary: String)] {
        var seen: Set<String> = []
        return commands.compactMap { command in
            guard let word = command.words.first, seen.insert(word).inserted else { return nil }
            let others = commands.filter { $0.words.first == word }
            let group = others.compactMap { $0.words.dropFirst().first }.joined(separator: ", ")
            return (word, group.isEmpty ? command.summary : group)
        }
    }

    /// The groups, with the second words of their commands.
    static func groups(_ commands: [CommandSpec]) -> [(word: String, members: [CommandSpec])] {
        self.firstWords(commands).compactMap { first in
            let members = commands.filter { $0.words.count > 1 && $0.words.first == first.word }
            return members.isEmpty ? nil : (first.word, members)
        }
    }

    /// Puts a text between single quotes, as bash and zsh read them.
    static func quoted(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
