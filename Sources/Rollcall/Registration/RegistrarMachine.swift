/// What a registrar does next, as a value: every rule of C4 and C5a, without clock or network.
struct RegistrarMachine {
    /// What to do now.
    enum Step: Hashable {
        /// Register after `after` and a random part of `jitter`.
        case register(after: Duration, jitter: Duration)
        /// Hold the lease until it ends.
        case hold
        /// Look after one time-to-live whether somebody holds the id, and register if nobody does.
        case lookAgain(after: Duration)
        /// Stay out until told otherwise.
        case stayOut
        /// End with the error that happened: another attempt cannot succeed.
        case fail
    }

    private(set) var phase = RegistrarStatus.Phase.registering
    private(set) var failures = 0
    private let ttl: Duration

    init(ttl: Duration) {
        self.ttl = ttl
    }

    /// Where it begins.
    var first: Step { .register(after: .zero, jitter: .zero) }

    /// A registration was accepted.
    mutating func registered() -> Step {
        self.phase = .registered
        self.failures = 0
        return .hold
    }

    /// A registration was refused or did not arrive.
    mutating func failedToRegister(_ error: BackendError) -> Step {
        switch error.code {
        case .removed:
            return self.removed()
        case .displaced:
            return self.displaced()
        case .invalidArgument, .tooLarge, .unsupported, .closed:
            self.phase = .stopped
            return .fail
        case .unauthenticated, .permissionDenied:
            // Somebody may correct the rights while the service runs; until then one attempt a minute is enough.
            self.failures += 1
            return .register(after: .seconds(60), jitter: self.ttl)
        default:
            self.failures += 1
            let jitter = Backoff.registration(ttl: self.ttl).bound(before: self.failures)
            return .register(after: error.retryAfter ?? .zero, jitter: jitter)
        }
    }

    /// The lease ended.
    mutating func lost(_ error: BackendError) -> Step {
        switch error.code {
        case .removed:
            return self.removed()
        case .displaced:
            return self.displaced()
        default:
            self.phase = .lost
            return .register(after: .zero, jitter: .zero)
        }
    }

    /// Looked for a holder of the id; `nil` when that could not be told.
    mutating func looked(isHeld: Bool?) -> Step {
        guard isHeld == false else { return .lookAgain(after: self.ttl) }
        self.phase = .registering
        return .register(after: .zero, jitter: .zero)
    }

    /// The user wants the instance back.
    mutating func resumed() -> Step {
        self.phase = .registering
        return .register(after: .zero, jitter: .zero)
    }

    private mutating func displaced() -> Step {
        self.phase = .displaced
        return .lookAgain(after: self.ttl)
    }

    private mutating func removed() -> Step {
        self.phase = .removed
        return .stayOut
    }
}
