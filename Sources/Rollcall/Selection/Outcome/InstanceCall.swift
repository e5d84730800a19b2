/// A call to an instance that is under way, and that is told how it went.
///
/// As long as it lives it counts as a call to the instance. Whoever lets go of it without ``finish(_:)``, such as a task
/// that is cancelled, has learned nothing about the instance.
///
/// ```swift
/// var call = try discovery.beginCall(to: web)
/// let response = try await client.get(call.instance.endpoint)
/// call.finish(response.status < 500 ? .success : .failure)
/// ```
public struct InstanceCall: ~Copyable {
    private let table: SelectionTable
    private let index: Int
    private let view: ServiceView
    private let began: TimeSource.Instant
    private let trial: Int?
    private var isOver = false

    init(_ index: Int, of table: SelectionTable, in view: ServiceView, trial: Int?) {
        self.table = table
        self.index = index
        self.view = view
        self.trial = trial
        self.began = view.clock.now
        table.statistics[index].beginCall()
    }

    /// The chosen instance.
    public var instance: ServiceInstance { self.table.instances[self.index] }

    deinit {
        guard !self.isOver else { return }
        _ = self.table.statistics[self.index].endCall(
            .ignored,
            trial: self.trial,
            began: self.began,
            at: self.began,
            self.view.rules.outliers
        )
    }

    /// Says how the call went; only the first time counts.
    public mutating func finish(_ outcome: CallOutcome) {
        guard !self.isOver else { return }
        self.isOver = true
        let statistics = self.table.statistics[self.index]
        let consequence = statistics.endCall(
            outcome,
            trial: self.trial,
            began: self.began,
            at: self.view.clock.now,
            self.view.rules.outliers
        )
        if consequence != .none { self.view.note(consequence, of: self.instance, statistics) }
    }
}

extension CallOutcome {
    /// What an error says about the instance that was called, where the caller does not say.
    ///
    /// - Parameters:
    ///   - error: What the call threw.
    ///   - isRetryable: Whether the caller would try another instance.
    @usableFromInline
    init(_ error: any Error, isRetryable: Bool) {
        switch error {
        case is CancellationError: self = .ignored
        case let error as BackendError:
            switch error.code {
            case .cancelled: self = .ignored
            case .unavailable, .timeout, .protocolViolation: self = .failure
            default: self = isRetryable ? .failure : .ignored
            }
        // Whoever would try another instance blames this one.
        default: self = isRetryable ? .failure : .ignored
        }
    }
}
