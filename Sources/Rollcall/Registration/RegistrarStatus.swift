/// How a registration stands.
public struct RegistrarStatus: Sendable {
    /// A stage of a registration.
    public enum Phase: String, Hashable, Sendable {
        /// The server is not ready yet.
        case starting
        /// It is being registered for the first time, or again on request.
        case registering
        /// It is registered and its lease is kept alive.
        case registered
        /// The lease was lost; it is being registered again.
        case lost
        /// Another process registered the same id; this one looks now and then whether that is still so.
        case displaced
        /// Somebody took the instance out; ``Registrar/resume()`` brings it back.
        case removed
        /// It is being taken out of service.
        case draining
        /// It is not registered any longer, and the registrar has ended.
        case stopped
    }

    /// The stage.
    public var phase: Phase
    /// Since when it has been in that stage, by the registrar's clock.
    public var since: TimeSource.Instant
    /// The failure that led to the stage or keeps it there; `nil` once registered.
    public var lastError: BackendError?

    /// Creates a status.
    public init(phase: Phase, since: TimeSource.Instant, lastError: BackendError? = nil) {
        self.phase = phase
        self.since = since
        self.lastError = lastError
    }
}
