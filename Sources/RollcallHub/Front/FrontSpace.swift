import Rollcall
import Synchronization

/// One namespace of an engine, with all that this hub keeps for its clients there.
final class FrontSpace: Sendable {
    /// After how long without the engine streams are ended: their clients may reach it through another hub.
    static let grace = Duration.seconds(5)

    private struct State {
        var health: BackendHealth?
        var failingSince: TimeSource.Instant?
        var isAway = false
    }

    let namespace: Namespace
    let engine: any RegistryBackend
    let registry: FrontRegistry
    let leases: FrontLeases
    /// `nil` where the engine has none.
    let config: FrontConfig?
    /// `nil` where the engine has none.
    let locks: FrontLocks?
    let stop = Signal()
    private let jobs: JobQueue
    private let clock: TimeSource
    private let log: Log
    private let state = Mutex(State())
    private let doubts: KeyedMailbox<Bool, Bool>

    /// Creates a namespace, whose engine is not run yet.
    init(engine: any RegistryBackend, namespace: Namespace, hub: FrontHub) {
        self.engine = engine
        self.namespace = namespace
        self.clock = hub.clock
        self.log = hub.log
        let (jobs, doubts) = (JobQueue(), KeyedMailbox<Bool, Bool>())
        self.jobs = jobs
        self.doubts = doubts
        self.registry = FrontRegistry(
            engine: engine,
            board: FrontBoard(namespace: namespace, feed: hub.feed, epoch: hub.epoch),
            jobs: jobs,
            clock: hub.clock,
            linger: hub.linger,
            doubt: { doubts.offer(true, for: true) }
        )
        self.leases = FrontLeases(
            engine: engine,
            seal: LeaseSeal(key: hub.key, namespace: namespace),
            clock: hub.clock
        )
        self.config = (engine as? any ConfigBackend).map {
            FrontConfig(
                engine: $0,
                namespace: namespace,
                feed: hub.configFeed,
                epoch: hub.epoch,
                jobs: jobs,
                clock: hub.clock,
                linger: hub.linger
            )
        }
        self.locks = (engine as? any LockBackend).map { FrontLocks(engine: $0, clock: hub.clock) }
    }

    /// What the engine said of itself last; `nil` before the first answer.
    var health: BackendHealth? { self.state.withLock { $0.health } }

    /// Whether nothing is kept here for anybody.
    var isIdle: Bool { self.locks?.count ?? 0 == 0 && self.leases.isEmpty }

    /// Checks that the engine is not known to be away, so that clients go to another hub at once.
    ///
    /// - Throws: `unavailable`.
    func checkPresent() throws(BackendError) {
        let (isAway, message) = self.state.withLock { ($0.isAway, $0.health?.message) }
        guard isAway else { return }
        throw Self.absence(message)
    }

    /// Runs the engine's client and what is done for clients until the task is cancelled, or ``stop`` is raised.
    func run() async {
        await race {
            await withDiscardingTaskGroup { group in
                group.addTask { try? await self.engine.run() }
                group.addTask { await self.jobs.run() }
                group.addTask { await self.observe() }
            }
        } _: {
            await self.stop.wait()
        }
    }

    /// Looks at the engine's health.
    private func observe() async {
        while !Task.isCancelled {
            let health = await self.engine.health()
            guard !Task.isCancelled else { return }
            let isWell = health.isReachable && health.canRead
            self.take(health, isWell)
            self.leases.forgetOld()
            self.locks?.forgetOld()
            self.registry.tidy()
            let pause: Duration = isWell ? .seconds(10) : .seconds(1)
            await race { [clock] in
                try? await clock.sleep(for: pause)
            } _: { [clock, doubts] in
                // A watch that has lost the engine is a reason to look soon, but not again and again.
                try? await clock.sleep(for: .seconds(1))
                if isWell { _ = try? await doubts.next() } else { await Signal().wait() }
            }
        }
    }

    private func take(_ health: BackendHealth, _ isWell: Bool) {
        let now = self.clock.now
        let (wasAway, isAway) = self.state.withLock { state in
            let wasAway = state.isAway
            state.health = health
            state.failingSince = isWell ? nil : state.failingSince ?? now
            state.isAway = state.failingSince.map { $0.duration(to: now) >= Self.grace } ?? false
            return (wasAway, state.isAway)
        }
        guard wasAway != isAway else { return }
        guard isAway else { return self.log(.info, "\(self.engine.name) answers again") }
        let error = Self.absence(health.message)
        self.log(.error, "\(error); streams are ended, so that their clients may go to another hub")
        self.registry.endAll(error)
        self.config?.endAll(error)
    }

    private static func absence(_ message: String?) -> BackendError {
        BackendError(.unavailable, "the engine behind this hub does not answer: \(message ?? "no reason is known")")
    }
}
