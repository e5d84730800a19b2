/// A value that breaks a rule of the model, found before anything was sent.
public struct ValidationError: Error, Hashable, Sendable {
    /// The field at fault, as a path: `endpoints[0]`, `metadata.team`.
    public var field: String
    /// The rule that was broken and what would satisfy it.
    public var message: String
    /// The bound that was exceeded, where the rule is a bound.
    public var limit: Int?

    /// Creates an error for `field`.
    public init(field: String, message: String, limit: Int? = nil) {
        self.field = field
        self.message = message
        self.limit = limit
    }

    /// The same error with `prefix` put before its field, for a value nested in another.
    package func within(_ prefix: String) -> Self {
        var copy = self
        let needsDot = !self.field.isEmpty && !self.field.hasPrefix("[")
        copy.field = prefix + (needsDot ? "." : "") + self.field
        return copy
    }
}

extension ValidationError: CustomStringConvertible {
    /// The text form.
    public var description: String {
        self.field.isEmpty ? self.message : "\(self.field): \(self.message)"
    }
}
