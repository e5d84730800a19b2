extension CompletionScript {
    static func bash(_ commands: [CommandSpec]) -> String {
        let options = (commands.flatMap(\.allOptions) + CommonOptions.all).filter(\.takesValue)
        let valued = Set(options.flatMap(self.forms)).sorted().joined(separator: "|")
        let paths = Set(options.filter(\.takesPath).flatMap(self.forms)).sorted().joined(separator: "|")
        return """
            # bash completion for rollcall: source it, or put it at
            # ~/.local/share/bash-completion/completions/rollcall
            _rollcall() {
                local index rest=${COMP_LINE-} word= command= values= words=
                local -a typed=() all=()
                # Bash takes words apart at ':' and '='; what stands together in the line is one word.
                for ((index = 0; index <= COMP_CWORD; index++)); do
                    word=${COMP_WORDS[index]}
                    if [[ index -gt 0 && -n $rest && $rest == "$word"* && -n $word ]]; then
                        all[${#all[@]}-1]+=$word
                    else
                        all+=("$word")
                        rest=${rest#"${rest%%[![:space:]]*}"}
                    fi
                    rest=${rest#"$word"}
                done
                local current=${all[${#all[@]}-1]} previous=${all[${#all[@]}-2]-}
                if [[ $current == --*=* ]]; then
                    previous=${current%%=*}
                    current=${current#*=}
                fi
                for ((index = 1; index < ${#all[@]} - 1; index++)); do
                    case ${all[index]} in
                        --) COMPREPLY=($(compgen -c -- "$current")); return ;;
                        \(valued)) ((index++)) ;;
                        -*) ;;
                        *) typed+=("${all[index]}") ;;
                    esac
                done
                command=${typed[0]-}
                case $command in
            \(self.bashGroups(commands))        '') words=\(self.quoted(self.bashFirst(commands))) ;;
                esac
                case $command in
            \(self.bashChoices("''", CommonOptions.all))\(commands.map(self.bashCase).joined())    esac
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
        let assignment = "            words=\(self.quoted(words.joined(separator: " ")))\n"
        return self.bashChoices(self.quoted(command.name), command.allOptions, assignment)
    }

    /// A case for a command, with the values of its options.
    private static func bashChoices(_ pattern: String, _ options: [OptionSpec], _ assignment: String = "") -> String {
        let choices = options.filter { !$0.choices.isEmpty }.map { option in
            let forms = self.forms(of: option).joined(separator: "|")
            return "                \(forms)) values=\(self.quoted(option.choices.joined(separator: " "))) ;;\n"
        }
        return """
                    \(pattern))
            \(assignment)            case $previous in
            \(choices.joined())            esac ;;

            """
    }

    /// Everything that may be typed for an option.
    private static func forms(of option: OptionSpec) -> [String] {
        (option.short.map { ["-\($0)"] } ?? []) + [option.text]
    }
}
