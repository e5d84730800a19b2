/// One option of a command: what is parsed, explained and completed.
package struct OptionSpec: Hashable, Sendable {
    /// What stands behind an option.
    package enum Value: Hashable, Sendable {
        /// Nothing: the option is there or it is not.
        case none
        /// A text, shown as the placeholder; where choices are given, one of them.
        case text(placeholder: String, choices: [String])
    }

    /// The name without its dashes.
    package let name: String
    /// The one-letter form, for options that people know from elsewhere.
    package let short: Character?
    /// What stands behind it.
    package let value: Value
    /// Whether it may be given more than once.
    package let isRepeatable: Bool
    /// One line for the help.
    package let help: String

    /// An option without a value.
    package static func flag(_ name: String, short: Character? = nil, _ help: String) -> OptionSpec {
        OptionSpec(name: name, short: short, value: .none, isRepeatable: false, help: help)
    }

    /// An option with a value.
    ///
    /// - Parameters:
    ///   - name: The name without its dashes.
    ///   - placeholder: What the help shows for the value; by default the choices.
    ///   - short: The one-letter form.
    ///   - choices: The only values that are taken; empty for any.
    ///   - isRepeatable: Whether it may be given more than once.
    ///   - help: One line for the help.
    /// - Returns: The option.
    package static func value(
        _ name: String,
        _ placeholder: String? = nil,
        short: Character? = nil,
        choices: [String] = [],
        isRepeatable: Bool = false,
        _ help: String
    ) -> OptionSpec {
        OptionSpec(
            name: name,
            short: short,
            value: .text(placeholder: placeholder ?? choices.joined(separator: "|"), choices: choices),
            isRepeatable: isRepeatable,
            help: help
        )
    }

    /// The option as people type it: `--ttl`.
    package var text: String { "--" + self.name }

    /// Whether a value follows.
    package var takesValue: Bool { self.value != .none }

    /// What the help shows for the value; empty where there is none.
    package var placeholder: String {
        if case .text(let placeholder, _) = self.value { placeholder } else { "" }
    }

    /// Whether the value is a path, so that shells complete it: its placeholder is `FILE` or `FOLDER`.
    package var takesPath: Bool { ["FILE", "FOLDER"].contains(self.placeholder) }

    /// The only values that are taken; empty for any.
    package var choices: [String] {
        if case .text(_, let choices) = self.value { choices } else { [] }
    }
}
