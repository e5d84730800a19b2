import Synchronization

/// The server side of ``MemoryBackend``: a registry within the process, for tests and for programs of one process.
///
/// Several backends may share one, as several clients share a server.
public final class MemoryRegistry: Sendable {
    struct State {
        var table: RegistryTable
        var isReachable = true
        var snapshots: [RegistryTable.Place: [UInt64: SnapshotMailbox]] = [:]
        var names: [Namespace: [UInt64: KeyedMailbox<Namespace, [ServiceName]>]] = [:]
        var nextWatch: UInt64 = 0
        var staleSince: TimeSource.Instant?
        var isSweeping = false
        /// When expiry was judged last, or when there began to be something to judge.
        var lastTick: TimeSource.Instant
        /// What watchers could not be told while the registry was away.
        var heldBack: [RegistryTable.Change] = []

        mutating func takeWatchID() -> UInt64 {
            self.nextWatch += 1
            return self.nextWatch
        }

        mutating func takeSweeping() -> Bool {
            guard !self.isSweeping else { return false }
            self.isSweeping = true
            return true
        }
    }

    package let clock: TimeSource
    let config = MemoryConfigStore()
    let locks: MemoryLockStore
    private let departed: @Sendable (RegistryTable.Change, RegistryTable) -> Void
    let state: Mutex<State>
    /// Awakes the sweeper, which sleeps without end while there is nothing that can come due.
    private let wake = KeyedMailbox<Bool, Void>()

    /// Creates an empty registry.
    ///
    /// - Parameter clock: What measures times-to-live.
    public convenience init(clock: TimeSource = TimeSource()) {
        let now = clock.now
        self.init(table: RegistryTable(now: now), since: now, clock: clock) { _, _ in }
    }

    /// Creates a registry that goes on from a table.
    ///
    /// - Parameters:
    ///   - table: What is registered.
    ///   - moment: The time that the table was made for; what passes until the first tick counts for nobody.
    ///   - clock: What measures times-to-live; the table's instants are its own.
    ///   - departed: Is told what left without an operation, in order with all other changes, under the registry's lock.
    package init(
        table: RegistryTable,
        since moment: TimeSource.Instant,
        clock: TimeSource,
        departed: @escaping @Sendable (RegistryTable.Change, RegistryTable) -> Void
    ) {
        self.clock = clock
        self.departed = departed
        self.locks = MemoryLockStore(clock: clock)
        self.state = Mutex(State(table: table, lastTick: moment))
    }

    /// Makes the registry answer or not, as a network does that breaks.
    ///
    /// For tests.
    ///
    /// While it is away calls throw `unavailable` and watches show their last view as stale.
    public func setReachable(_ isReachable: Bool) {
        self.state.withLock { state in
            guard state.isReachable != isReachable else { return }
            state.isReachable = isReachable
            state.staleSince = isReachable ? nil : self.clock.now
            // On return, first the changes that were held back, with their reasons; the rest only turns live again.
            let changes = state.heldBack + state.snapshots.keys.map { RegistryTable.Change(place: $0) }
            state.heldBack = []
            for change in changes { Self.push(change, in: &state) }
        }
    }

    /// Forgets every registration, as a server does that was restarted without its data.
    ///
    /// For tests.
    public func wipe() {
        self.state.withLock { state in
            for change in state.table.wipe(at: self.clock.now) {
                self.departed(change, state.table)
                Self.publish(change, in: &state)
            }
        }
        self.config.wipe()
        self.locks.wipe()
    }

    /// Throws `unavailable` while the registry does not answer.
    func checkReachable() throws(BackendError) {
        try self.perform { _ throws(BackendError) in ((), nil) }
    }

    /// The number of watches that are open now, over all namespaces.
    package var watchCount: Int {
        let count = self.state.withLock { state in
            state.snapshots.values.reduce(0) { $0 + $1.count } + state.names.values.reduce(0) { $0 + $1.count }
        }
        return count + self.config.watchCount
    }

    /// Runs one operation on the table and tells watchers what it changed.
    package func perform<Value: Sendable>(
        _ operation: (inout RegistryTable) throws(BackendError) -> (Value, RegistryTable.Change?)
    ) throws(BackendError) -> Value {
        let result = self.state.withLock { state -> Result<Value, BackendError> in
            guard state.isReachable else {
                return .failure(BackendError(.unavailable, "the registry is away"))
            }
            do throws(BackendError) {
                let wasQuiet = state.table.isQuiet
                let (value, change) = try operation(&state.table)
                if let change { Self.publish(change, in: &state) }
                if wasQuiet, !state.table.isQuiet {
                    state.lastTick = self.clock.now
                    self.wake.offer((), for: true)
                }
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Ends leases in time until the task is cancelled.
    ///
    /// One caller does it for all; the others wait for their turn.
    package func sweep() async {
        while !Task.isCancelled {
            guard self.state.withLock({ $0.takeSweeping() }) else {
                try? await self.clock.sleep(for: .milliseconds(100))
                continue
            }
            await race {
                await self.expireUntilCancelled()
            } _: {
                await self.locks.sweep()
            }
            self.state.withLock { $0.isSweeping = false }
        }
    }

    private func expireUntilCancelled() async {
        while !Task.isCancelled {
            let due = self.state.withLock { $0.table.isQuiet } ? nil : self.clock.now.advanced(by: RegistryTable.tick)
            await race {
                if let due { try? await self.clock.sleep(until: due, tolerance: nil) } else { await Signal().wait() }
            } _: {
                _ = try? await self.wake.next()
            }
            guard !Task.isCancelled else { return }
            self.state.withLock { state in
                // By what this tick is late, wherever the time went, leases could not be judged or renewed.
                let now = self.clock.now
                let lateness = state.lastTick.duration(to: now) - RegistryTable.tick
                state.lastTick = now
                for change in state.table.expire(at: now, lateness: lateness) {
                    self.departed(change, state.table)
                    Self.publish(change, in: &state)
                }
            }
        }
    }
}
