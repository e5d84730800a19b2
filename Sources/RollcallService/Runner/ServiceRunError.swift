/// Why a ``ServiceRunner`` ended other than as it was told to: all that went wrong, in the order in which it did.
public struct ServiceRunError: Error, Sendable {
    /// A stage of a service's life.
    public enum Stage: String, Hashable, Sendable {
        /// The hook that runs first.
        case prepare
        /// Waiting for required services.
        case requirements
        /// Binding the port and listening.
        case listen
        /// Registering and staying registered.
        case register
        /// Serving.
        case serve
        /// Stopping the server.
        case stop
    }

    /// What went wrong in one stage.
    public struct Failure: Sendable {
        /// Where.
        public let stage: Stage
        /// What.
        public let error: any Error

        /// Creates a failure.
        public init(stage: Stage, error: any Error) {
            self.stage = stage
            self.error = error
        }
    }

    /// What went wrong; at least one entry.
    public let failures: [Failure]

    /// Creates an error.
    public init(_ failures: [Failure]) {
        self.failures = failures
    }
}

extension ServiceRunError: CustomStringConvertible {
    /// The text form, which names every failure.
    public var description: String {
        self.failures.map { "\($0.stage.rawValue): \($0.error)" }.joined(separator: "; ")
    }
}
