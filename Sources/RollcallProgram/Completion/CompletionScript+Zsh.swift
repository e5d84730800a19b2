extension CompletionScript {
    static func zsh(_ commands: [CommandSpec]) -> String {
        let first = self.firstWords(commands).map { "        \(self.zshDescribed($0.word, $0.summary))\n" }
        return """
            #compdef rollcall
            # zsh completion for rollcall: put it as _rollcall into a folder of $fpath.
            _rollcall() {
                local -a commands
                local name=$words[2]
                commands=(
            \(first.joined())    )
                if (( CURRENT == 2 )); then
                    _describe -t commands command commands
                    return
                fi
                case $name in
            \(self.groups(commands).map(self.zshGroup).joined())    esac
                shift words
                (( CURRENT-- ))
                case $name in
            \(commands.map(self.zshCase).joined())    esac
            }
            if [[ $funcstack[1] == _rollcall ]]; then _rollcall "$@"; else compdef _rollcall rollcall; fi

            """
    }

    private static func zshDescribed(_ word: String, _ summary: String) -> String {
        self.quoted(word + ":" + summary.split(separator: ":").joined(separator: "\\:"))
    }

    private static func zshGroup(_ group: (word: String, members: [CommandSpec])) -> String {
        let members = group.members.map { command in
            self.zshDescribed(command.words.dropFirst().joined(separator: " "), command.summary)
        }
        return """
                    \(group.word))
                        if (( CURRENT == 3 )); then
                            commands=(\(members.joined(separator: " ")))
                            _describe -t commands command commands
                            return
                        fi
                        name+=" $words[3]"
                        shift words
                        (( CURRENT-- )) ;;

            """
    }

    private static func zshCase(_ command: CommandSpec) -> String {
        var specs = command.allOptions.flatMap(self.zshOption)
        specs += command.positionals.enumerated().map { index, place in
            let number = place.arity == .many ? "*" : "\(index + 1)"
            let optional = place.arity == .optional ? "::" : ":"
            let values = place.choices.isEmpty ? " " : "(\(place.choices.joined(separator: " ")))"
            return self.quoted("\(number)\(optional)\(place.name):\(values)")
        }
        if command.trailing != .none { specs.append("'*:: :_normal'") }
        let lines = specs.map { "                \($0) \\\n" }
        let body = "            _arguments -s \\\n\(lines.joined())                && return ;;\n"
        return "        \(self.quoted(command.name)))\n" + body
    }

    private static func zshOption(_ option: OptionSpec) -> [String] {
        let help = option.help.reduce(into: "") { text, character in
            text += "[]:\\".contains(character) ? "\\\(character)" : String(character)
        }
        let repeated = option.isRepeatable ? "*" : ""
        let values =
            option.takesPath ? "_files" : option.choices.isEmpty ? " " : "(\(option.choices.joined(separator: " ")))"
        let name = option.choices.isEmpty ? option.placeholder : option.name
        let long = option.takesValue ? "\(option.text)=[\(help)]:\(name):\(values)" : "\(option.text)[\(help)]"
        let short = option.short.map { letter in
            option.takesValue ? "-\(letter)+[\(help)]:\(name):\(values)" : "-\(letter)[\(help)]"
        }
        return [repeated + long, short.map { repeated + $0 }].compactMap(\.self).map(self.quoted)
    }
}
