/// Whether an instance may be called.
public enum HealthStatus: String, Hashable, Sendable, CaseIterable {
    /// Ready to serve.
    case passing
    /// Serving, with something that wants attention.
    case warning
    /// Not able to serve.
    case critical
    /// Taken out on purpose; also what an instance says of itself while it drains.
    case maintenance

    /// Reads what a backend stored.
    ///
    /// A text that this version does not know is `critical`: never callable by accident.
    public init(stored text: some StringProtocol) {
        self = Self(rawValue: String(text)) ?? .critical
    }

    /// Reads what somebody asks for now.
    ///
    /// - Throws: A ``ValidationError`` without a field for a text that is no status.
    package init(wished text: String) throws(ValidationError) {
        guard let status = Self(rawValue: text) else {
            let known = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError(field: "", message: "\(text.quotedForDisplay) is not a status; there are \(known)")
        }
        self = status
    }
}
