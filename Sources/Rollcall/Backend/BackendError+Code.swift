extension BackendError {
    /// A kind of failure.
    ///
    /// Compare with the constants; later versions may add some.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The stable name, the same in the hub's API.
        public let description: String

        private init(_ name: String) {
            self.description = name
        }

        /// Finds the code that the hub's API names, or `nil` for a name that this version does not know.
        public init?(named name: String) {
            guard let code = Self.all.first(where: { $0.description == name }) else { return nil }
            self = code
        }

        /// The backend cannot be reached or has no leader.
        ///
        /// Rollcall retries; a caller may retry with back-off.
        public static let unavailable = Code("unavailable")
        /// The credentials are missing or wrong.
        ///
        /// Correct them; retrying does not help.
        public static let unauthenticated = Code("unauthenticated")
        /// The credentials are good and do not allow this.
        ///
        /// Ask for the right; retrying does not help.
        public static let permissionDenied = Code("permissionDenied")
        /// What was asked for is not there.
        ///
        /// For a selection: no instance fits now, one may later.
        public static let notFound = Code("notFound")
        /// The record changed since it was read.
        ///
        /// Read again, decide again, write again.
        public static let conflict = Code("conflict")
        /// The lease ended: it expired, or the backend forgot it.
        ///
        /// Register again; a registrar does.
        public static let leaseLost = Code("leaseLost")
        /// Another process registered the same id.
        ///
        /// Give each process its own id; this one steps back.
        public static let displaced = Code("displaced")
        /// Somebody took the instance out on purpose.
        ///
        /// Stay out until told otherwise.
        public static let removed = Code("removed")
        /// An argument breaks a rule.
        ///
        /// Correct it; the message says which and how.
        public static let invalidArgument = Code("invalidArgument")
        /// A value exceeds the backend's limit, found before anything was sent.
        ///
        /// Make it smaller.
        public static let tooLarge = Code("tooLarge")
        /// The deadline passed.
        ///
        /// Retry with a longer one if the operation may be repeated.
        public static let timeout = Code("timeout")
        /// This backend cannot do that.
        ///
        /// Use another operation or another backend.
        public static let unsupported = Code("unsupported")
        /// The backend answered what its protocol does not allow.
        ///
        /// Check that the address is that of the backend.
        public static let protocolViolation = Code("protocolViolation")
        /// The client's `run()` is not running.
        ///
        /// Run it, or use the scoped form.
        public static let notRunning = Code("notRunning")
        /// `run()` was called a second time.
        ///
        /// Run each value once.
        public static let alreadyRunning = Code("alreadyRunning")
        /// The value was closed.
        ///
        /// Make a new one.
        public static let closed = Code("closed")
        /// The calling task was cancelled.
        public static let cancelled = Code("cancelled")

        /// Every code that there is.
        package static let all: [Code] = [
            .unavailable, .unauthenticated, .permissionDenied, .notFound, .conflict, .leaseLost, .displaced, .removed,
            .invalidArgument, .tooLarge, .timeout, .unsupported, .protocolViolation, .notRunning, .alreadyRunning,
            .closed, .cancelled,
        ]
    }
}
