/// What went wrong between Rollcall and a backend, or in asking for it.
///
/// Decide by ``code-swift.property``: the documentation of each ``Code-swift.struct`` says how to react.
public struct BackendError: Error, Sendable {
    /// What kind of failure it is.
    public var code: Code
    /// What happened, and what to do where that is known.
    ///
    /// Never contains a secret.
    public var message: String
    /// The name of the backend, such as `memory`.
    public var backend: String?
    /// What was attempted, such as `register`.
    public var operation: String?
    /// What it was attempted on, such as `web/web-1`.
    public var key: String?
    /// The error underneath.
    public var cause: (any Error)?
    /// Whether the backend may have carried out the operation all the same.
    public var applied: Applied
    /// With `conflict`, the revision that the backend holds.
    public var currentRevision: String?
    /// With `tooLarge`, the limit that was exceeded.
    public var limit: Int?
    /// How long the backend asks to be left alone.
    public var retryAfter: Duration?

    /// Whether a failed operation may have taken effect.
    public enum Applied: Hashable, Sendable {
        /// It certainly did not.
        case no
        /// The answer was lost: nobody can tell.
        case unknown
    }

    /// Creates an error.
    public init(
        _ code: Code,
        _ message: String,
        backend: String? = nil,
        operation: String? = nil,
        key: String? = nil,
        cause: (any Error)? = nil,
        applied: Applied = .no
    ) {
        self.code = code
        self.message = message
        self.backend = backend
        self.operation = operation
        self.key = key
        self.cause = cause
        self.applied = applied
    }

    /// Wraps a value's broken rule as `invalidArgument`.
    public init(_ error: ValidationError) {
        self.init(.invalidArgument, error.description, cause: error)
        self.limit = error.limit
    }

    /// The code alone, free of dynamic values: fit for a metric's label.
    public var shortDescription: String { self.code.description }
}

extension BackendError: CustomStringConvertible {
    /// The text form.
    public var description: String {
        let place = [self.backend, self.operation, self.key].compactMap(\.self).joined(separator: " ")
        let cause = self.cause.map { " (\($0))" } ?? ""
        return place.isEmpty ? "\(self.code): \(self.message)" : "\(self.code): \(place): \(self.message)\(cause)"
    }
}
