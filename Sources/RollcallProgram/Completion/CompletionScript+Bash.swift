extension CompletionScript {
    static func bash(_ commands: [CommandSpec]) -> String {
        let options = (commands.flatMap(\.allOptions) + CommonOptions.all).filter(\.takesValue)
        let valued = Set(options.flatMap(self.forms)).sorted().joined(separator: "|")
        let paths = Set(options.filter(\.takesPath).flatMap(self.forms)).sorted().joined(separator: "|")
        return """
            # bash completion for rollcall: source it, or put it at
            # ~/.local/share/bash-completion/completions/rollcall
            _rollcall() {
                local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
                local index command= values= words=
                local -a typed=()
                for ((index = 1; index < COMP_CWORD; index++)); do
                    case ${COMP_WORDS[index]} in
                        --) COMPREPLY=($(compgen -c -- "$current")); return ;;
                        \(valued)) ((index++)) ;;
                        -*) ;;
                        *) typed+=("${COMP_WORDS[index]}") ;;
                    esac
                done
                command=${typed[0]-}
                case $command in
            \(self.bashGroups(commands))        '') words=\(self.quoted(self.bashFirst(commands))) ;;
                esac
                case $command in
            \(commands.map(self.bashCase).joined())    esac
                case $previous in
                    \(paths)) COMPREPLY=($(compgen -f -- "$current")); return ;;
                    \(valued)) words=$values ;;
                esac
                COMPREPLY=($(compgen -W "$words" -- "$current"))
            }
            complete -F _rollcall rollcall

            """
    }

    private static func bashFirst(_ commands: [CommandSpec]) -> String {
        let words = self.firstWords(commands).map(\.word) + ["help"]
        return (words + CommonOptions.all.map(\.text) + ["--version"]).joined(separator: " ")
    }

    private static func bashGroups(_ commands: [CommandSpec]) -> String {
        self.groups(commands).map { group in
            let members = group.members.map { $0.words.dropFirst().joined(separator: " ") }.joined(separator: " ")
            return "        \(group.word)) words=\(self.quoted(members)); command+=\" ${typed[1]-}\" ;;\n"
        }
        .joined()
    }

    private static func bashCase(_ command: CommandSpec) -> String {
        let words = command.allOptions.flatMap(self.forms) + command.positionals.flatMap(\.choices)
        let choices = command.allOptions.filter { !$0.choices.isEmpty }.map { option in
            let pattern = self.forms(of: option).joined(separator: "|")
            return "                \(pattern)) values=\(self.quoted(option.choices.joined(separator: " "))) ;;\n"
        }
        return """
                    \(self.quoted(command.name)))
                        words=\(self.quoted(words.joined(separator: " ")))
                        case $previous in
            \(choices.joined())            esac ;;

            """
    }

    /// Everything that may be typed for an option.
    private static func forms(of option: OptionSpec) -> [String] {
        (option.short.map { ["-\($0)"] } ?? []) + [option.text]
    }
}
