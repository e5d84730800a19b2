/// What a command is called with: everything that parsing, help and completion are derived from.
package struct CommandSpec: Hashable, Sendable {
    /// Whether another program's command line may stand behind `--`.
    package enum Trailing: Hashable, Sendable {
        /// There is none.
        case none
        /// It may be there.
        case optional
        /// It must be there.
        case required
    }

    /// The name; `logs serve` is a command of the group `logs`.
    package let name: String
    /// One line for the list of commands.
    package let summary: String
    /// What stands in the place of its name, in order.
    package let positionals: [PositionalSpec]
    /// Its own options, beside those that every command has.
    package let options: [OptionSpec]
    /// Whether a command line may stand behind `--`.
    package let trailing: Trailing
    /// What the help says beyond the list of options.
    package let discussion: String
    /// Command lines to copy.
    package let examples: [String]

    /// Creates a description of a command.
    package init(
        _ name: String,
        summary: String,
        positionals: [PositionalSpec] = [],
        options: [OptionSpec] = [],
        trailing: Trailing = .none,
        discussion: String = "",
        examples: [String] = []
    ) {
        self.name = name
        self.summary = summary
        self.positionals = positionals
        self.options = options
        self.trailing = trailing
        self.discussion = discussion
        self.examples = examples
    }

    /// The words of the name: one, or two for a command of a group.
    package var words: [String] { self.name.split(separator: " ").map(String.init) }

    /// Its own options and those that every command has; its own win.
    package var allOptions: [OptionSpec] {
        let own = Set(self.options.map(\.name))
        return self.options + CommonOptions.all.filter { !own.contains($0.name) }
    }

    /// How it is called, on one line.
    package var usage: String {
        var words = ["rollcall", self.name.isEmpty ? "COMMAND" : self.name] + self.positionals.map(\.text)
        if !self.allOptions.isEmpty { words.append("[OPTION…]") }
        switch self.trailing {
        case .none: break
        case .optional: words.append("[-- COMMAND…]")
        case .required: words.append("-- COMMAND…")
        }
        return words.joined(separator: " ")
    }
}

/// An argument that is known by its place.
package struct PositionalSpec: Hashable, Sendable {
    /// How many there are.
    package enum Arity: Hashable, Sendable {
        /// Exactly one.
        case one
        /// One or none; only the last may be so.
        case optional
        /// One or more; only the last may be so.
        case many
    }

    /// What the help calls it, in capitals: `SERVICE`.
    package let name: String
    /// How many there are.
    package let arity: Arity
    /// The only values that are taken; empty for any.
    package let choices: [String]
    /// One line for the help.
    package let help: String

    /// Creates a description of an argument.
    package init(_ name: String, _ arity: Arity, choices: [String] = [], _ help: String) {
        self.name = name
        self.arity = arity
        self.choices = choices
        self.help = help
    }

    /// How it stands in a usage line.
    package var text: String {
        switch self.arity {
        case .one: self.name
        case .optional: "[\(self.name)]"
        case .many: "\(self.name)…"
        }
    }
}
