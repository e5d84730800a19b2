import Rollcall

/// Goes through the arguments, one after the other.
struct ArgumentScanner {
    private var arguments: ArraySlice<String>

    init(_ arguments: [String]) {
        self.arguments = arguments[...]
    }

    /// The next one, which stays where it is.
    var peek: String? { self.arguments.first }

    /// All that are left.
    var rest: [String] { Array(self.arguments) }

    /// Takes the next one.
    mutating func next() -> String? { self.arguments.popFirst() }

    /// Steps over the next one.
    mutating func skip() { self.arguments = self.arguments.dropFirst() }

    /// Steps over all that are left.
    mutating func skipAll() { self.arguments = [] }
}

extension ArgumentParser {
    /// Takes `--name`, `--name value` or `--name=value`.
    static func takeLong(
        _ word: String,
        _ scanner: inout ArgumentScanner,
        into parsed: inout ParsedArguments
    ) throws(UsageError) {
        let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        guard let option = parsed.spec.allOptions.first(where: { $0.name == name }) else {
            throw self.unknown("--" + name, parsed)
        }
        try self.take(option, value: parts.count == 2 ? String(parts[1]) : nil, &scanner, into: &parsed)
    }

    /// Takes `-X`, `-X value`, `-Xvalue` or `-X=value`.
    static func takeShort(
        _ word: String,
        _ scanner: inout ArgumentScanner,
        into parsed: inout ParsedArguments
    ) throws(UsageError) {
        let letter = word.dropFirst().first
        guard let option = parsed.spec.allOptions.first(where: { $0.short != nil && $0.short == letter }) else {
            throw self.unknown(word, parsed)
        }
        let attached = word.dropFirst(2)
        let value = attached.first == "=" ? attached.dropFirst() : attached
        try self.take(option, value: attached.isEmpty ? nil : String(value), &scanner, into: &parsed)
    }

    private static func take(
        _ option: OptionSpec,
        value attached: String?,
        _ scanner: inout ArgumentScanner,
        into parsed: inout ParsedArguments
    ) throws(UsageError) {
        let isGiven = parsed.options[option.name] != nil
        guard option.takesValue else {
            guard attached == nil else { throw parsed.misuse("\(option.text) takes no value") }
            parsed.options[option.name] = []
            return
        }
        guard option.isRepeatable || !isGiven else { throw parsed.misuse("\(option.text) is given twice") }
        let value = if let attached { attached } else { try self.following(option, &scanner, parsed) }
        guard option.choices.isEmpty || option.choices.contains(value) else {
            let known = option.choices.joined(separator: ", ")
            throw parsed.misuse("\(option.text): \(value.quotedForDisplay) is not one of \(known)")
        }
        parsed.options[option.name, default: []].append(value)
    }

    private static func following(
        _ option: OptionSpec,
        _ scanner: inout ArgumentScanner,
        _ parsed: ParsedArguments
    ) throws(UsageError) -> String {
        guard let value = scanner.peek, value == "-" || !value.hasPrefix("-") else {
            let hint = scanner.peek.map { _ in "; a value that begins with '-' is written \(option.text)=VALUE" } ?? ""
            throw parsed.misuse("\(option.text) needs a value (\(option.placeholder))\(hint)")
        }
        scanner.skip()
        return value
    }

    private static func unknown(_ text: String, _ parsed: ParsedArguments) -> UsageError {
        let near = NearestName.find(text, among: parsed.spec.allOptions.map(\.text))
        let usage = parsed.spec.name.isEmpty ? "rollcall COMMAND [OPTION…]" : parsed.spec.usage
        let owner = parsed.spec.name.isEmpty ? "" : " of '\(parsed.spec.name)'"
        return UsageError("\(text.quotedForDisplay) is not an option\(owner)", usage: usage, suggestion: near)
    }

    /// Gives the words that are no options their places.
    static func place(_ words: [String], in parsed: inout ParsedArguments) throws(UsageError) {
        var words = words[...]
        for place in parsed.spec.positionals {
            let taken = place.arity == .many ? words : words.prefix(1)
            words = words.dropFirst(taken.count)
            guard !taken.isEmpty || place.arity == .optional else { throw parsed.misuse("\(place.name) is missing") }
            for value in taken where !place.choices.isEmpty && !place.choices.contains(value) {
                let known = place.choices.joined(separator: ", ")
                throw parsed.misuse("\(place.name): \(value.quotedForDisplay) is not one of \(known)")
            }
            parsed.positionals[place.name] = taken.isEmpty ? nil : Array(taken)
        }
        guard let extra = words.first else { return }
        let hint = parsed.spec.trailing == .none ? "" : "; a command to run stands behind --"
        throw parsed.misuse("\(extra.quotedForDisplay) is one argument too many\(hint)")
    }
}
