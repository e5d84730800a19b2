import Synchronization

/// Keeps one instance registered for exactly as long as its ``run()`` runs.
///
/// It never gives up: whatever happens to the backend, the instance is registered again, at once and then with
/// growing random pauses of at most a third of the time-to-live or 5 s. Two cases keep it out: another process that
/// took the same id (`displaced`), and a removal by somebody (`removed`).
///
/// List it behind the server in a group of services, so that it stops first: the instance turns to `maintenance`,
/// callers learn of that during the drain, and only then is it deregistered.
public final class Registrar: Sendable {
    private struct State {
        var hasRun = false
        var status: RegistrarStatus
        var wanted: ServiceInstance?
        var changes = InstanceChange()
        var visibleID: InstanceID?
        /// Raised at each change of the status; a new one takes its place.
        var statusChange = Signal()
        var resumption = Signal()
    }

    let backend: any RegistryBackend
    let configuration: RegistrarConfiguration
    /// The time-to-live that the backend will grant: what pauses are measured by.
    let ttl: Duration
    private let ready: @Sendable () async throws -> ServiceInstance
    private let state: Mutex<State>
    let shutdown = Signal()
    /// Gives the word that what is wanted changed.
    let updates = KeyedMailbox<Bool, Void>()
    let log: Log

    /// Creates a registrar.
    ///
    /// It does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - backend: Where to register. Whoever owns it runs it.
    ///   - configuration: How to behave.
    ///   - ready: Returns what to register, once the server listens.
    /// - Throws: `invalidArgument` for a time-to-live that is not above zero or a negative drain.
    public init(
        backend: any RegistryBackend,
        configuration: RegistrarConfiguration = RegistrarConfiguration(),
        ready: @escaping @Sendable () async throws -> ServiceInstance
    ) throws(BackendError) {
        do throws(ValidationError) {
            try configuration.check()
        } catch {
            throw BackendError(error)
        }
        self.backend = backend
        let range = backend.capabilities.ttl
        self.ttl = min(max(configuration.ttl, range.lowerBound), range.upperBound)
        self.configuration = configuration
        self.ready = ready
        self.log = configuration.log.component("registrar")
        self.state = Mutex(State(status: RegistrarStatus(phase: .starting, since: configuration.clock.now)))
    }

    /// How the registration stands.
    public var status: RegistrarStatus { self.state.withLock { $0.status } }

    /// Registers, and keeps registered until the task is cancelled or ``beginShutdown()`` is called.
    ///
    /// - Throws: What `ready` throws; `alreadyRunning`; `invalidArgument`, `tooLarge` or `unsupported` when the
    ///   backend refuses the instance for good. Returns normally when it is stopped.
    public func run() async throws {
        try self.state.withLock { state in
            guard !state.hasRun else {
                throw BackendError(.alreadyRunning, "run() of a registrar can be called once")
            }
            state.hasRun = true
        }
        WorkGauge.enter()
        defer {
            WorkGauge.leave()
            self.enter(.stopped)
        }
        guard let ready = try await self.waitUntilReady() else { return }
        // An instance that is full already does without.
        let automatic = self.configuration.addsAutomaticMetadata ? ServiceInstance.automaticMetadata : [:]
        let instance = (try? ready.addingMetadata(automatic)) ?? ready
        do throws(ValidationError) {
            try self.state.withLock { (state) throws(ValidationError) in
                state.wanted = try instance.applying(state.changes)
            }
        } catch {
            throw BackendError(error)
        }
        try await self.follow(instance.id, of: instance.service)
    }

    /// Waits for the instance; `nil` when the registrar is stopped first.
    private func waitUntilReady() async throws -> ServiceInstance? {
        try await withThrowingTaskGroup(of: ServiceInstance?.self) { group in
            group.addTask { try await self.ready() }
            group.addTask {
                await self.shutdown.wait()
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    /// Begins to take the instance out: `maintenance`, drain, deregistration; then ``run()`` returns.
    public func beginShutdown() { self.shutdown.raise() }

    /// Brings an instance back that somebody removed.
    ///
    /// Nothing happens in any other phase.
    public func resume() {
        self.state.withLock { $0.status.phase == .removed ? $0.resumption : nil }?.raise()
    }

    /// Changes what is registered, now and whenever it is registered again.
    ///
    /// - Parameter change: What to change.
    /// - Throws: A ``ValidationError`` when the result breaks a limit of the model; then nothing changed.
    public func update(_ change: InstanceChange) throws(ValidationError) {
        try self.state.withLock { (state) throws(ValidationError) in
            guard let wanted = state.wanted else {
                state.changes = state.changes.merging(change)
                return
            }
            state.wanted = try wanted.applying(change)
        }
        self.updates.offer((), for: true)
    }

    /// Returns once the instance is registered.
    ///
    /// - Throws: `cancelled`, or `closed` when the registrar ended first.
    public func waitUntilRegistered() async throws(BackendError) {
        while true {
            guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            let (phase, change) = self.state.withLock { ($0.status.phase, $0.statusChange) }
            if phase == .registered { return }
            if phase == .stopped { throw BackendError(.closed, "the registrar ended without being registered") }
            await change.wait()
        }
    }

    /// What is to be registered, with all changes made to it.
    var wanted: ServiceInstance? { self.state.withLock { $0.wanted } }

    /// The id under which others saw what was registered last.
    var visibleID: InstanceID? {
        get { self.state.withLock { $0.visibleID } }
        set { self.state.withLock { $0.visibleID = newValue } }
    }

    /// Raised by ``resume()``, once the phase is `removed`.
    var resumption: Signal { self.state.withLock { $0.resumption } }

    func enter(_ phase: RegistrarStatus.Phase, because error: BackendError? = nil) {
        let now = self.configuration.clock.now
        let (former, change) = self.state.withLock { state in
            let former = state.status.phase
            let since = former == phase ? state.status.since : now
            // Whoever sees the phase may resume at once.
            if phase == .removed, state.resumption.isRaised { state.resumption = Signal() }
            // Ending for a reason keeps the reason; being registered clears it.
            let kept = phase == .stopped ? state.status.lastError : nil
            state.status = RegistrarStatus(phase: phase, since: since, lastError: error ?? kept)
            defer { state.statusChange = Signal() }
            return (former, state.statusChange)
        }
        change.raise()
        if former != phase { self.tell(phase, error) }
    }

    private func tell(_ phase: RegistrarStatus.Phase, _ error: BackendError?) {
        let reason = error.map { ": \($0)" } ?? ""
        switch phase {
        case .lost: self.log(.warning, "the lease was lost, registering again\(reason)")
        case .displaced: self.log(.warning, "another process registered the same id, stepping back\(reason)")
        case .removed: self.log(.warning, "somebody took the instance out, staying out until resumed\(reason)")
        default: self.log(.debug, "now \(phase.rawValue)\(reason)")
        }
    }
}
