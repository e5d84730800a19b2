import Rollcall

/// What was typed, sorted by the description of a command.
package struct ParsedArguments: Sendable {
    /// The command that was called.
    package let spec: CommandSpec
    /// What stands behind `--`, for a command that runs another program.
    package internal(set) var trailing: [String] = []

    var options: [String: [String]] = [:]
    var positionals: [String: [String]] = [:]

    /// Begins with nothing typed.
    init(spec: CommandSpec) {
        self.spec = spec
    }

    /// Whether an option without a value is there.
    package func flag(_ name: String) -> Bool { self.options[name] != nil }

    /// The value of an option, or `nil` when it is not there.
    package func option(_ name: String) -> String? { self.options[name]?.last }

    /// All values of an option, in the order in which they were typed.
    package func options(_ name: String) -> [String] { self.options[name] ?? [] }

    /// The values in the place that the description calls `name`.
    package func values(_ name: String) -> [String] { self.positionals[name] ?? [] }

    /// The value in the place that the description calls `name`, or `nil` when it was left out.
    package func value(_ name: String) -> String? { self.values(name).first }

    /// The value in a place that the description does not let be empty.
    package func required(_ name: String) throws -> String {
        guard let value = self.value(name) else { throw self.misuse("\(name) is missing") }
        return value
    }

    /// An error in the use of this command.
    package func misuse(_ message: String) -> UsageError {
        UsageError(message, usage: self.spec.usage)
    }

    /// Reads the value of an option by a rule of the model.
    ///
    /// - Parameters:
    ///   - name: The option.
    ///   - read: Reads it.
    /// - Returns: What was read, or `nil` when the option is not there.
    /// - Throws: A ``UsageError`` that names the option.
    package func option<Value>(_ name: String, _ read: (String) throws -> Value) throws -> Value? {
        guard let text = self.option(name) else { return nil }
        return try self.reading("--" + name) { try read(text) }
    }

    /// Reads all values of an option by a rule of the model.
    package func options<Value>(_ name: String, _ read: (String) throws -> Value) throws -> [Value] {
        try self.options(name).map { text in
            try self.reading("--" + name) { try read(text) }
        }
    }

    /// Reads the value of a place by a rule of the model.
    package func required<Value>(_ name: String, _ read: (String) throws -> Value) throws -> Value {
        let text = try self.required(name)
        return try self.reading(name) { try read(text) }
    }

    /// The duration that an option names.
    package func duration(_ name: String) throws -> Duration? {
        try self.option(name) { text in
            let duration = try Duration(text: text, field: "")
            guard duration > .zero else { throw ValidationError(field: "", message: "must be above zero") }
            return duration
        }
    }

    /// The whole number that an option names.
    package func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        try self.option(name) { text in
            guard let number = Int(text), range.contains(number) else {
                let rule = "is not a whole number from \(range.lowerBound) to \(range.upperBound)"
                throw ValidationError(field: "", message: "\(text.quotedForDisplay) \(rule)")
            }
            return number
        }
    }

    private func reading<Value>(_ place: String, _ read: () throws -> Value) throws -> Value {
        do {
            return try read()
        } catch let error as ValidationError {
            throw self.misuse("\(place): \(error.message)")
        }
    }
}
