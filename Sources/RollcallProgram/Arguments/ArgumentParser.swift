import Rollcall

/// Sorts what was typed by the descriptions of the commands.
///
/// `--option value` and `--option=value` are the same; so are `-X value` and `-Xvalue`. A value that begins with `-`
/// must stand behind `=`, so that a forgotten value is noticed. Behind `--` nothing is an option.
package struct ArgumentParser: Sendable {
    /// What somebody wants who typed something legal.
    package enum Request: Sendable {
        /// To run a command.
        case run(ParsedArguments)
        /// To have a command explained.
        case help(CommandSpec)
        /// To have the commands listed, all or those of a group.
        case list(group: String?)
        /// To know which version this is.
        case version
    }

    private let commands: [CommandSpec]

    /// Creates a parser for these commands.
    package init(_ commands: [CommandSpec]) {
        self.commands = commands
    }

    /// Sorts the arguments, the program's own name left out.
    ///
    /// - Parameter arguments: What was typed.
    /// - Returns: What is wanted.
    /// - Throws: What is wrong with the arguments.
    package func parse(_ arguments: [String]) throws(UsageError) -> Request {
        var scanner = ArgumentScanner(arguments)
        var before = ParsedArguments(spec: CommandSpec("", summary: "", options: [.flag("version", "")]))
        let isSpecific = try self.scan(&scanner, into: &before) { _, _ throws(UsageError) in true }
        if before.flag("version") { return .version }
        guard isSpecific else {
            guard before.flag("help") else { throw self.missingCommand() }
            return .list(group: nil)
        }
        var words = scanner.rest
        let asksForHelp = words.first == "help" && self.command(named: words) == nil
        if asksForHelp { words.removeFirst() }
        if asksForHelp, words.isEmpty { return .list(group: nil) }
        guard let spec = self.command(named: words) else {
            return try self.group(words, isHelp: asksForHelp || before.flag("help"))
        }
        if asksForHelp || before.flag("help") { return .help(spec) }
        scanner = ArgumentScanner(Array(words.dropFirst(spec.words.count)))
        return try self.parse(&scanner, spec: spec, after: before)
    }

    private func parse(
        _ scanner: inout ArgumentScanner,
        spec: CommandSpec,
        after before: ParsedArguments
    ) throws(UsageError) -> Request {
        var parsed = ParsedArguments(spec: spec)
        parsed.options = before.options
        var places: [String] = []
        _ = try self.scan(&scanner, into: &parsed) { scanner, parsed throws(UsageError) in
            guard let word = scanner.next() else { return true }
            guard word == "--" else {
                places.append(word)
                return false
            }
            if spec.trailing == .none { places += scanner.rest } else { parsed.trailing = scanner.rest }
            scanner.skipAll()
            return true
        }
        if parsed.flag("help") { return .help(spec) }
        try Self.place(places, in: &parsed)
        if spec.trailing == .required, parsed.trailing.isEmpty {
            throw parsed.misuse("the command to run is missing; it stands behind --")
        }
        return .run(parsed)
    }

    /// Takes options until something else comes, which `other` looks at.
    ///
    /// - Returns: Whether `other` ended the scan; false at the end of the arguments.
    private func scan(
        _ scanner: inout ArgumentScanner,
        into parsed: inout ParsedArguments,
        other: (inout ArgumentScanner, inout ParsedArguments) throws(UsageError) -> Bool
    ) throws(UsageError) -> Bool {
        while let word = scanner.peek {
            if word.hasPrefix("--"), word.count > 2 {
                scanner.skip()
                try Self.takeLong(word, &scanner, into: &parsed)
            } else if word.hasPrefix("-"), word.count > 1, word != "--" {
                scanner.skip()
                try Self.takeShort(word, &scanner, into: &parsed)
            } else if try other(&scanner, &parsed) {
                return true
            }
        }
        return false
    }

    private func command(named words: [String]) -> CommandSpec? {
        // The longest name wins, so that `logs serve` is not taken for a command `logs`.
        self.commands.filter { words.starts(with: $0.words) }.max { $0.words.count < $1.words.count }
    }

    private func missingCommand() -> UsageError {
        UsageError("a command is missing", usage: "rollcall COMMAND [OPTION…]")
    }

    private func group(_ words: [String], isHelp: Bool) throws(UsageError) -> Request {
        guard let first = words.first else { throw self.missingCommand() }
        let members = self.commands.filter { $0.words.count > 1 && $0.words.first == first }
        guard !members.isEmpty else {
            let near = NearestName.find(first, among: self.commands.compactMap(\.words.first) + ["help"])
            throw UsageError("\(first.quotedForDisplay) is not a command", suggestion: near.map { "rollcall \($0)" })
        }
        if isHelp || words.dropFirst().contains(where: { $0 == "--help" || $0 == "-h" }) { return .list(group: first) }
        guard let second = words.dropFirst().first(where: { !$0.hasPrefix("-") }) else {
            let names = members.compactMap(\.words.last).joined(separator: ", ")
            throw UsageError("'\(first)' needs one of: \(names)", usage: "rollcall \(first) COMMAND [OPTION…]")
        }
        let near = NearestName.find(second, among: members.compactMap(\.words.last))
        throw UsageError(
            "\(second.quotedForDisplay) is not a command of '\(first)'",
            suggestion: near.map { "rollcall \(first) \($0)" }
        )
    }
}
