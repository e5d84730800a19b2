/// A line of the contract that a backend does not keep.
public struct ContractViolation: Error, Sendable, CustomStringConvertible {
    /// The line, such as `C5a`.
    public let line: String
    /// What was expected and what was seen instead.
    public let message: String
    /// Where in the suite it was found.
    public let location: String

    /// The text form.
    public var description: String { "\(self.line): \(self.message) [\(self.location)]" }
}
