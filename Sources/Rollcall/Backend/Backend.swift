/// What every driver is: a connection to one backend, bound to one namespace.
///
/// A driver does not cache, balance, guard or retry for its user; all that is written once above the contracts.
public protocol Backend: Sendable {
    /// The kind of backend, in lower case: `memory`, `hub`.
    var name: String { get }

    /// What this backend does differently where the contract leaves room.
    var capabilities: BackendCapabilities { get }

    /// Keeps connections and timers until the task is cancelled, and then returns.
    ///
    /// - Throws: A ``BackendError``: `alreadyRunning` for a second call while the first runs; otherwise what makes
    ///   going on pointless, such as wrong credentials. A backend that is away is no such reason.
    func run() async throws(BackendError)

    /// Samples the backend's health now. Leaves nothing behind in it.
    func health() async -> BackendHealth
}

/// What a backend does differently where the contract leaves room.
public struct BackendCapabilities: Hashable, Sendable {
    /// The time-to-live that the backend grants; a request outside is clamped.
    public var ttl: ClosedRange<Duration>
    /// How much longer than its time-to-live a dead holder's instance may stay visible.
    public var expirySlack: Duration
    /// Whether several leases of one connection end together (C2).
    public var sharedSession: Bool
    /// Whether removals carry a reason other than `unknown`.
    public var knowsDepartureReason: Bool
    /// Whether a removal by somebody else keeps a running registrar out (a tombstone).
    public var remembersRemoval: Bool
    /// Whether the server's own watches may miss a change, so that each is checked against a list every so often (C10).
    public var verifiedWatch: Bool

    /// Creates a description of a backend.
    public init(
        ttl: ClosedRange<Duration>,
        expirySlack: Duration,
        sharedSession: Bool = false,
        knowsDepartureReason: Bool = false,
        remembersRemoval: Bool = false,
        verifiedWatch: Bool = false
    ) {
        self.ttl = ttl
        self.expirySlack = expirySlack
        self.sharedSession = sharedSession
        self.knowsDepartureReason = knowsDepartureReason
        self.remembersRemoval = remembersRemoval
        self.verifiedWatch = verifiedWatch
    }
}

/// One sample of a backend's health.
public struct BackendHealth: Hashable, Sendable {
    /// Whether it answered.
    public var isReachable: Bool
    /// How long the answer took.
    public var latency: Duration?
    /// The member that leads, where there is one.
    public var leader: String?
    /// The number of members of the backend's cluster.
    public var memberCount: Int?
    /// The version that the server names.
    public var serverVersion: String?
    /// Whether reading works.
    public var canRead: Bool
    /// Whether writing works.
    public var canWrite: Bool
    /// Why it is not well.
    public var error: BackendError.Code?
    /// The same in words, such as that a connection was refused; without secrets.
    public var message: String?
    /// How many instances it keeps beyond their time because too many ended at once, where it has such a guard.
    public var heldInstances: Int?

    /// Creates a sample.
    public init(
        isReachable: Bool,
        latency: Duration? = nil,
        leader: String? = nil,
        memberCount: Int? = nil,
        serverVersion: String? = nil,
        canRead: Bool,
        canWrite: Bool,
        error: BackendError.Code? = nil,
        message: String? = nil
    ) {
        self.isReachable = isReachable
        self.latency = latency
        self.leader = leader
        self.memberCount = memberCount
        self.serverVersion = serverVersion
        self.canRead = canRead
        self.canWrite = canWrite
        self.error = error
        self.message = message
    }

    /// Creates the sample of a backend that did not answer.
    ///
    /// - Parameter error: Why it did not.
    public init(unreachable error: BackendError) {
        self.init(isReachable: false, canRead: false, canWrite: false, error: error.code, message: error.message)
    }
}
