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
}
