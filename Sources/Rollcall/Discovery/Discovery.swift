import Synchronization

/// Finds services: one shared watch for each service that is asked for, and tables that are read without waiting.
///
/// What was seen once stays readable: while the backend is away, and after ``run()`` has ended. A snapshot says
/// whether it is live or since when it is stale. Look-ups before `run()` wait for it until their time is over.
public final class Discovery: Sendable {
    private struct State {
        enum Phase { case idle, running, ended }

        var phase = Phase.idle
        var views: [ServiceName: ServiceView] = [:]
        var local: [ServiceName: LocalInstances]
        var fallbacks: [ServiceName: Fallback] = [:]
        /// Where readers wait, so that they learn of the end.
        var mailboxes: [UInt64: SnapshotMailbox] = [:]
        var nextMailbox: UInt64 = 0
    }

    /// The backend behind it.
    public let backend: any RegistryBackend
    let configuration: DiscoveryConfiguration
    let names: NamesView

    let directory = PickDirectory()
    let counters = DiscoveryCounters()
    /// Told when a view changes, for whoever keeps what is known.
    let changes = KeyedMailbox<Bool, Void>()
    private let state: Mutex<State>
    private let starts: AsyncStream<ServiceView>
    private let start: AsyncStream<ServiceView>.Continuation
    let log: Log

    /// Creates a discovery.
    ///
    /// It does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - backend: Where services are registered. Whoever owns it runs it.
    ///   - configuration: How to behave where callers say nothing.
    public init(backend: any RegistryBackend, configuration: DiscoveryConfiguration = DiscoveryConfiguration()) {
        self.backend = backend
        self.configuration = configuration
        self.names = NamesView()
        self.state = Mutex(State(local: configuration.local))
        self.log = configuration.log.component("discovery")
        (self.starts, self.start) = AsyncStream.makeStream()
    }

    /// Watches what is asked for, until the task is cancelled; then returns, and the tables stay readable.
    ///
    /// - Throws: `alreadyRunning` when it runs, or ran, already.
    public func run() async throws(BackendError) {
        try self.state.withLock { (state) throws(BackendError) in
            guard state.phase == .idle else {
                throw BackendError(.alreadyRunning, "run() of a discovery can be called once")
            }
            state.phase = .running
        }
        defer { self.end() }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.maintainNames() }
            group.addTask { await self.retireIdleViews() }
            group.addTask { await self.probe() }
            group.addTask { await self.keepSnapshotFile() }
            for await view in self.starts {
                group.addTask { await self.maintain(view) }
            }
        }
    }

    /// A mailbox for one reader, which ends with the discovery; ``closeMailbox(_:)`` must follow.
    ///
    /// After the end it still gives what is known, and then ends.
    func openMailbox() -> (id: UInt64, mailbox: SnapshotMailbox) {
        let mailbox = SnapshotMailbox.snapshots()
        let id = self.state.withLock { state in
            state.nextMailbox += 1
            state.mailboxes[state.nextMailbox] = mailbox
            return state.nextMailbox
        }
        return (id, mailbox)
    }

    /// Ends the mailbox of a discovery that has ended; for a mailbox that was just connected.
    func finishIfEnded(_ mailbox: SnapshotMailbox) {
        if self.state.withLock({ $0.phase == .ended }) { mailbox.finish() }
    }

    /// Forgets a mailbox, which takes nothing more.
    func closeMailbox(_ id: UInt64) {
        self.state.withLock { $0.mailboxes.removeValue(forKey: id) }?.finish()
    }

    /// Says that nothing is live any more: first to the tables, then to readers, who then reach the end.
    private func end() {
        let (views, mailboxes) = self.state.withLock { state in
            state.phase = .ended
            return (Array(state.views.values), Array(state.mailboxes.values))
        }
        let reason = BackendError(.closed, "the discovery ended")
        for view in views { view.markStale(since: self.configuration.clock.now, because: reason) }
        for mailbox in mailboxes { mailbox.finish() }
    }

    /// The view of a service, which is watched from now on.
    func view(of service: ServiceName, isLookup: Bool) -> ServiceView {
        if let view = self.directory.view(of: service, isLookup: isLookup) { return view }
        let (view, isNew) = self.state.withLock { self.findOrAdd(service, &$0) }
        if isNew { self.begin(view) }
        return self.directory.view(of: service, isLookup: isLookup) ?? view
    }

    /// The view of a service if it is watched, without starting anything.
    func existingView(of service: ServiceName) -> ServiceView? {
        self.state.withLock { $0.views[service] }
    }

    /// Replaces the local instances of a service, and tells those who watch it.
    ///
    /// - Parameters:
    ///   - local: The instances, and how they go together with those of the registry; without instances all is as
    ///     the registry says.
    ///   - service: The service.
    /// - Throws: `invalidArgument` when one of them is of another service.
    public func setLocal(_ local: LocalInstances, of service: ServiceName) throws(BackendError) {
        try local.check(service)
        let view = self.state.withLock { state in
            state.local[service] = local
            return state.views[service]
        }
        view?.setLocal(local)
    }

    /// What the file says of services, or was known of them before they were watched no longer; and the views of all others.
    var knowledge: (fallbacks: [ServiceName: Fallback], views: [ServiceView]) {
        self.state.withLock { ($0.fallbacks, Array($0.views.values)) }
    }

    /// Takes what the file says, for views that there are and those that come.
    func setFallbacks(_ fallbacks: [(ServiceName, Fallback)]) {
        let views = self.state.withLock { state in
            // What was watched meanwhile is newer than the file.
            state.fallbacks.merge(fallbacks) { known, _ in known }
            return fallbacks.compactMap { name, fallback in state.views[name].map { ($0, fallback) } }
        }
        for (view, fallback) in views { view.setFallback(fallback) }
    }

    private func findOrAdd(_ service: ServiceName, _ state: inout State) -> (view: ServiceView, isNew: Bool) {
        if let view = state.views[service] { return (view, false) }
        let view = ServiceView(
            service: service,
            configuration: self.configuration,
            local: state.local[service] ?? LocalInstances(),
            fallback: state.fallbacks[service],
            directory: self.directory,
            counters: self.counters,
            changes: self.changes
        )
        state.views[service] = view
        self.directory.insert(view)
        return (view, true)
    }

    private func begin(_ view: ServiceView) {
        view.begin()
        self.start.yield(view)
    }

    /// Observes a service until ``removeObserver(_:of:)``, which must follow.
    func addObserver(
        of service: ServiceName,
        _ observer: @escaping @Sendable (ServiceSnapshot) -> Void
    ) -> UInt64 {
        // Under one lock, so that the view cannot be retired between being found and being observed.
        let (view, isNew, id) = self.state.withLock { state in
            let (view, isNew) = self.findOrAdd(service, &state)
            return (view, isNew, view.addObserver(observer))
        }
        if isNew { self.begin(view) }
        return id
    }

    /// Ends an observation, and the watch with the last one unless look-ups still use it.
    func removeObserver(_ id: UInt64, of service: ServiceName) {
        self.existingView(of: service)?.removeObserver(id)
        self.retireIfIdle(service)
    }

    /// The names of the services that are watched now, in order.
    public var observedServices: [ServiceName] {
        self.state.withLock { $0.views.keys.sorted() }
    }

    /// Whether ``run()`` runs.
    public var isRunning: Bool {
        self.state.withLock { $0.phase == .running }
    }

    func nextRandom() -> UInt64 { self.directory.nextRandom() }

    /// The views of all services that are watched now.
    var views: [ServiceView] { self.state.withLock { Array($0.views.values) } }

    private func retireIfIdle(_ service: ServiceName) {
        let now = self.configuration.clock.now
        let view = self.state.withLock { state -> ServiceView? in
            let timeout = self.configuration.idleTimeout
            // What is known stays known while the backend is away, and after the end.
            guard state.phase != .ended, let view = state.views[service], !view.isLastGoodView,
                view.isIdle(at: now, after: timeout)
            else { return nil }
            self.directory.remove(view)
            if self.configuration.snapshotFile != nil, let last = view.lastKnown {
                state.fallbacks[service] = last.instances.isEmpty ? nil : last
            }
            return state.views.removeValue(forKey: service)
        }
        view?.close(successor: self.existingView(of: service))
        view?.retired.raise()
    }

    private func retireIdleViews() async {
        while (try? await self.configuration.clock.sleep(for: self.configuration.idleTimeout / 2)) != nil {
            for service in self.observedServices { self.retireIfIdle(service) }
        }
    }

    /// Keeps one watch going until its view is retired.
    private func maintain(_ view: ServiceView) async {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        await race {
            await race {
                await self.repeating("watch of \(view.service)") { () async throws(BackendError) in
                    try await self.backend.watch(view.service) { view.accept($0) }
                } onFailure: {
                    self.counters.brokenWatches.wrappingAdd(1, ordering: .relaxed)
                    view.markStale(since: self.configuration.clock.now, because: $0)
                }
            } _: {
                await self.keep(view)
            }
        } _: {
            await view.retired.wait()
        }
    }

    private func probe() async {
        guard let prober = self.configuration.prober else { return }
        await self.repeating("prober") { () async throws(BackendError) in
            try await prober.run { report in self.existingView(of: report.service)?.accept(report) }
        } onFailure: { _ in
        }
    }

    private func maintainNames() async {
        while !Task.isCancelled {
            await self.names.waitUntilNeeded()
            await race {
                await self.repeating("watch of the services") { () async throws(BackendError) in
                    try await self.backend.watchServices { self.names.accept($0) }
                } onFailure: { _ in
                }
            } _: {
                await self.names.waitUntilNotNeeded()
            }
            self.names.forget()
        }
    }

    /// Runs a watch again and again, with pauses that grow while it fails at once.
    private func repeating(
        _ what: String,
        _ watch: @Sendable () async throws(BackendError) -> Void,
        onFailure: @Sendable (BackendError) -> Void
    ) async {
        var generator = SplitMix64()
        var attempt = 0
        while !Task.isCancelled {
            let began = self.configuration.clock.now
            var isFirst = attempt == 0
            do throws(BackendError) {
                try await watch()
            } catch {
                guard !Task.isCancelled else { return }
                onFailure(error)
                // One that ran well for a while breaks as if for the first time.
                isFirst = isFirst || began.duration(to: self.configuration.clock.now) > Backoff.background.cap
                self.log(isFirst ? .warning : .debug, "the \(what) broke and is opened again: \(error)")
            }
            let lasted = began.duration(to: self.configuration.clock.now)
            attempt = lasted > Backoff.background.cap ? 1 : attempt + 1
            let pause = Backoff.background.pause(before: attempt, using: &generator)
            try? await self.configuration.clock.sleep(for: pause)
        }
    }
}
