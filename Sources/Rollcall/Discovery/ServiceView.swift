import Synchronization

/// What the discovery knows of one service: the last snapshot, the table made of it, and who wants to be told.
final class ServiceView: Sendable {
    struct State {
        /// What the registry said last.
        var delivered: ServiceSnapshot?
        var guardian: CollapseGuard
        var local: LocalInstances
        /// What the file says, and from when on it is shown unless the registry says something.
        var fallback: (value: Fallback, due: TimeSource.Instant)?
        var isFallbackShown = false
        /// What follows from all that is known: with those that are held and those that are local.
        var current: ServiceSnapshot?
        /// What others see, once the table is made of it.
        var snapshot: ServiceSnapshot?
        var table: SelectionTable?
        var statistics: [InstanceID: InstanceStatistics] = [:]
        var probes: [InstanceID: ProbeReport] = [:]
        var inputs: SelectionInputs?
        var isPanicking = false
        var observers: [UInt64: @Sendable (ServiceSnapshot) -> Void] = [:]
        var nextObserver: UInt64 = 0
        var lastLookup: TimeSource.Instant?
        var lastError: BackendError?
        /// What is to be logged once no lock is held.
        var remarks: [String] = []
        /// Whether the view is out of use, though its watch may deliver once more.
        var isClosed = false
        var revision: UInt64 = 0
        /// Counts what the watch delivered, so that a look that overlapped with it is not believed.
        var deliveries: UInt64 = 0
        var lastLook: TimeSource.Instant?
    }

    let service: ServiceName
    /// Raised when nobody needs the view any longer: its watch ends.
    let retired = Signal()
    /// Rises with each change of what may be chosen, so that pickers learn of it by one relaxed load.
    let generation = Atomic<UInt64>(0)
    /// Wakes whoever keeps the view when something is due sooner.
    let bell = KeyedMailbox<Bool, Void>()

    let state: Mutex<State>
    /// Held while a table is made, which takes a while and may call the user's filter and balancer.
    private let formerTable = Mutex<SelectionTable?>(nil)
    let rules: SelectionRules
    let clock: TimeSource
    let log: Log
    let counters: DiscoveryCounters
    private let changes: KeyedMailbox<Bool, Void>
    let directory: PickDirectory
    private let prober: (any InstanceProber)?

    init(
        service: ServiceName,
        configuration: DiscoveryConfiguration,
        local: LocalInstances,
        fallback: Fallback?,
        directory: PickDirectory,
        counters: DiscoveryCounters,
        changes: KeyedMailbox<Bool, Void>
    ) {
        self.changes = changes
        self.counters = counters
        self.service = service
        self.rules = configuration.selection
        self.clock = configuration.clock
        self.log = configuration.log.component("discovery")
        self.directory = directory
        self.prober = configuration.prober
        self.state = Mutex(
            State(
                guardian: CollapseGuard(configuration.collapse, for: service),
                local: local,
                fallback: fallback.map { ($0, configuration.clock.now.advanced(by: Fallback.patience)) }
            )
        )
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

    /// What tables are made of, for a picker that makes its own.
    var inputs: SelectionInputs? { self.state.withLock { $0.inputs } }

    /// Shows what is known already.
    func begin() {
        self.change { state, _ in state.delivered == nil && !state.local.instances.isEmpty ? [:] : nil }
    }

    /// Takes what the watch delivered, one after the other: first the table changes, then observers learn of it.
    func accept(_ delivered: ServiceSnapshot) {
        var vanished: (count: Int, of: Int)?
        self.change { state, now in
            state.deliveries += 1
            state.lastError = nil
            // Also the mere reason is news of those that are held: they may have come back and left in good order meanwhile.
            let isNews =
                state.delivered.map { !$0.showsSame(as: delivered) } ?? true
                || delivered.departed.keys.contains { state.guardian.held[$0] != nil }
            guard isNews || state.snapshot?.freshness != .live else { return nil }
            let former = state.guardian.held.count
            let left = Self.believe(delivered, &state, at: now)
            let held = state.guardian.held.count
            if held > former { vanished = (held, held + delivered.instances.count) }
            state.delivered = delivered
            return left
        }
        guard let vanished else { return }
        self.counters.collapses.wrappingAdd(1, ordering: .relaxed)
        let box = self.state.withLock { $0.guardian.timeBox }
        self.log(
            .warning,
            "\(self.service): \(vanished.count) of \(vanished.of) instances vanished at once; they are held for at most "
                + "\(box.text), until a look at the registry agrees and calls to them fail"
        )
    }

    /// What the registry said last, with those that are held, and until when it stood behind that; `nil` before it said
    /// anything.
    var lastKnown: Fallback? {
        let now = self.clock.now
        return self.state.withLock { state in
            state.delivered.map { delivered in
                let instances = delivered.instances + state.guardian.held.values.map(\.instance)
                guard case .stale(let since) = delivered.freshness else {
                    return Fallback(instances: instances, since: now)
                }
                return Fallback(instances: instances, since: since)
            }
        }
    }

    /// Notes that the watch broke: the last good view stays, and says since when it is old.
    func markStale(since moment: TimeSource.Instant, because error: BackendError) {
        self.change { state, now in
            state.lastError = error
            if self.showFallback(&state, at: now) { return [:] }
            guard state.delivered?.freshness == .live else { return nil }
            state.delivered?.freshness = .stale(since: moment)
            return [:]
        }
    }

    /// Changes what is known, makes the table anew, and then tells observers.
    ///
    /// - Parameter body: Returns who left with the change and why, or `nil` when nothing changed.
    func change(_ body: (inout State, TimeSource.Instant) -> [InstanceID: DepartureReason]?) {
        let now = self.clock.now
        // Tables are made one after the other, in the order of the changes; readers of the state wait for none of it.
        let (hasChanged, isNews) = self.formerTable.withLock { former -> (Bool, Bool) in
            let made = self.state.withLock { state -> (inputs: SelectionInputs, isNews: Bool)? in
                guard let left = body(&state, now) else { return nil }
                return self.refresh(&state, left: left, at: now)
            }
            guard let made else { return (false, false) }
            self.publish(made.inputs, isNews: made.isNews, replacing: &former)
            if made.isNews { self.track(made.inputs.snapshot.instances) }
            return (true, made.isNews)
        }
        self.say()
        guard hasChanged else { return }
        self.bell.offer((), for: true)
        if isNews { self.changes.offer((), for: true) }
    }

    /// Says what was noted under the lock, where whoever takes it may ask anything of the discovery.
    private func say() {
        let remarks = self.state.withLock { state in
            defer { state.remarks = [] }
            return state.remarks
        }
        for remark in remarks { self.log(.warning, remark) }
    }

    /// Has instances probed, under the lock by which tables are made, so that the prober hears of them in order.
    private func track(_ instances: [ServiceInstance]) {
        guard !self.state.withLock({ $0.isClosed }) else { return }
        self.prober?.track(instances, of: self.service)
    }

    private func publish(_ inputs: SelectionInputs, isNews: Bool, replacing former: inout SelectionTable?) {
        let (pool, isPanic) = inputs.pool(where: self.rules.filter, self.rules)
        let table = SelectionTable(pool, balancer: self.rules.balancer, replacing: former)
        former = table ?? former
        self.directory.setTable(table, of: self)
        let wasPanicking = self.state.withLock { state in
            state.table = table
            state.snapshot = inputs.snapshot
            self.generation.wrappingAdd(1, ordering: .relaxed)
            if isNews { for observer in state.observers.values { observer(inputs.snapshot) } }
            defer { state.isPanicking = isPanic }
            return state.isPanicking
        }
        guard wasPanicking != isPanic else { return }
        self.log(
            isPanic ? .warning : .info,
            isPanic
                ? "\(self.service): too few instances are left that nothing speaks against; all are chosen from"
                : "\(self.service): enough instances are well again"
        )
    }

    /// Ends what the view began elsewhere.
    ///
    /// - Parameter successor: The view that has taken this one's place already, if somebody asked in between.
    func close(successor: ServiceView?) {
        self.formerTable.withLock { _ in
            self.state.withLock { $0.isClosed = true }
            self.prober?.track([], of: self.service)
        }
        successor?.trackAgain()
    }

    private func trackAgain() {
        self.formerTable.withLock { _ in self.track(self.snapshot?.instances ?? []) }
    }
}

extension ServiceSnapshot {
    /// Whether a reader of `other` learns nothing from this snapshot.
    func showsSame(as other: ServiceSnapshot) -> Bool {
        self.freshness == other.freshness && self.held == other.held && self.instances == other.instances
    }
}
