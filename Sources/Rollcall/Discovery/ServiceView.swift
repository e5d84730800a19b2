import Synchronization

/// What the discovery knows of one service: the last snapshot, the table made of it, and who wants to be told.
final class ServiceView: Sendable {
    private struct State {
        var snapshot: ServiceSnapshot?
        var table: SelectionTable?
        /// The last table that was not empty, for what balancers carry over.
        var formerTable: SelectionTable?
        var observers: [UInt64: @Sendable (ServiceSnapshot) -> Void] = [:]
        var nextObserver: UInt64 = 0
        var lastLookup: TimeSource.Instant?
        var lastError: BackendError?
        var revision: UInt64 = 0
    }

    let service: ServiceName
    /// Raised when nobody needs the view any longer: its watch ends.
    let retired = Signal()
    /// Rises with each table, so that pickers learn of a new one by one relaxed load.
    let generation = Atomic<UInt64>(0)

    private let wasUsed = Atomic(false)
    private let state = Mutex(State())
    private let filter: InstanceFilter
    private let balancer: any Balancer

    init(service: ServiceName, configuration: DiscoveryConfiguration) {
        self.service = service
        self.filter = configuration.filter
        self.balancer = configuration.balancer
    }

    /// The last good view, or `nil` before the first.
    var snapshot: ServiceSnapshot? { self.state.withLock { $0.snapshot } }

    /// Whether the view is all that is left of instances while their watch is broken.
    var isLastGoodView: Bool {
        self.state.withLock { $0.snapshot.map { $0.freshness != .live && !$0.instances.isEmpty } ?? false }
    }

    /// The error that broke the watch last, until the watch is well again.
    var lastError: BackendError? { self.state.withLock { $0.lastError } }

    /// The table to choose from; `nil` when no instance may be chosen.
    var table: SelectionTable? { self.state.withLock { $0.table } }

    /// Notes a look-up, which keeps the view from being retired as idle.
    func touch() {
        // The store is left out when it changes nothing: then callers on several cores share the line unwritten.
        if !self.wasUsed.load(ordering: .relaxed) { self.wasUsed.store(true, ordering: .relaxed) }
    }

    /// Takes what the watch delivered, one after the other: first the table changes, then observers learn of it.
    func accept(_ delivered: ServiceSnapshot) {
        let (isNews, former) = self.state.withLock { state in
            state.lastError = nil
            return (state.snapshot.map { !$0.showsSame(as: delivered) } ?? true, state.formerTable)
        }
        guard isNews else { return }
        // Filter and balancer may be the user's: they run without the lock. Only the view's one watch comes here.
        let table = SelectionTable(delivered, filter: self.filter, balancer: self.balancer, replacing: former)
        self.state.withLock { state in
            state.revision += 1
            let snapshot = delivered.renumbered(state.revision, keepsDeparted: state.snapshot != nil)
            state.snapshot = snapshot
            state.table = table
            state.formerTable = table ?? former
            self.generation.wrappingAdd(1, ordering: .relaxed)
            for observer in state.observers.values { observer(snapshot) }
        }
    }

    /// Notes that the watch broke: the last good view stays, and says since when it is old.
    func markStale(since moment: TimeSource.Instant, because error: BackendError) {
        self.state.withLock { state in
            state.lastError = error
            guard var snapshot = state.snapshot, snapshot.freshness == .live else { return }
            state.revision += 1
            snapshot = snapshot.renumbered(state.revision, keepsDeparted: false)
            snapshot.freshness = .stale(since: moment)
            state.snapshot = snapshot
            for observer in state.observers.values { observer(snapshot) }
        }
    }

    /// Calls `observer` with the current snapshot, if there is one, and with each that follows, in order.
    ///
    /// It is called under the view's lock and may do no more than put the snapshot into a mailbox.
    func addObserver(_ observer: @escaping @Sendable (ServiceSnapshot) -> Void) -> UInt64 {
        self.state.withLock { state in
            state.nextObserver += 1
            state.observers[state.nextObserver] = observer
            if let snapshot = state.snapshot {
                observer(snapshot.renumbered(snapshot.revision, keepsDeparted: false))
            }
            return state.nextObserver
        }
    }

    func removeObserver(_ id: UInt64) {
        self.state.withLock { $0.observers[id] = nil }
    }

    /// Whether nobody observes the view and nobody looked anything up for `timeout`.
    func isIdle(at now: TimeSource.Instant, after timeout: Duration) -> Bool {
        self.state.withLock { state in
            if self.wasUsed.exchange(false, ordering: .relaxed) { state.lastLookup = now }
            return state.observers.isEmpty && (state.lastLookup.map { $0.duration(to: now) >= timeout } ?? true)
        }
    }
}

extension ServiceSnapshot {
    /// Whether a reader of `other` learns nothing from this snapshot.
    fileprivate func showsSame(as other: ServiceSnapshot) -> Bool {
        self.freshness == other.freshness && self.instances == other.instances
    }
}
