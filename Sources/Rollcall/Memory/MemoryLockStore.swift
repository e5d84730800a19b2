import Synchronization

/// The locks of a ``MemoryRegistry``: who holds them, and who is told that he does.
final class MemoryLockStore: Sendable {
    private struct State {
        var table = LockTable()
        /// Whom to wake, by what he is known by.
        var waiters: [String: Signal] = [:]
        /// When expiry was judged last, or when there began to be something to judge.
        var lastTick: TimeSource.Instant
    }

    private let clock: TimeSource
    private let state: Mutex<State>
    private let wake = KeyedMailbox<Bool, Void>()

    init(clock: TimeSource) {
        self.clock = clock
        self.state = Mutex(State(lastTick: clock.now))
    }

    /// Who holds a lock.
    func holder(at place: LockTable.Place) -> LockHolder? { self.state.withLock { $0.table.holder(at: place) } }

    /// How many wait for any lock.
    var waiting: Int { self.state.withLock { $0.waiters.count } }

    /// Waits for a lock.
    ///
    /// - Throws: `cancelled`; nothing is left behind then.
    func acquire(
        _ place: LockTable.Place,
        proof: String,
        ttl: Duration
    ) async throws(BackendError) -> LockTable.Grant {
        while true {
            let turn = Signal()
            let given = self.state.withLock { state -> LockTable.Grant? in
                if state.table.isQuiet { state.lastTick = self.clock.now }
                let grant = state.table.acquire(place, proof: proof, ttl: ttl, at: self.clock.now)
                state.waiters[proof] = grant == nil ? turn : nil
                return grant
            }
            self.wake.offer((), for: true)
            if let given { return given }
            await turn.wait()
            guard !Task.isCancelled else {
                self.release(place, proof: proof)
                throw BackendError(.cancelled, "the task was cancelled")
            }
            // Asking again tells what was given. It may be nothing, as after a wipe, or when the grant has ended before
            // this task came to run: then it takes a new place in the queue.
        }
    }

    /// Renews.
    ///
    /// - Throws: `leaseLost` when somebody else may hold the lock.
    func renew(_ place: LockTable.Place, proof: String) throws(BackendError) {
        let grant = self.state.withLock { $0.table.renew(place, proof: proof, at: self.clock.now) }
        guard grant != nil else { throw BackendError(.leaseLost, "the lock is not held any more") }
    }

    /// Lets go of a lock, or of a place in its queue.
    func release(_ place: LockTable.Place, proof: String) {
        let next = self.state.withLock { state -> Signal? in
            state.waiters[proof] = nil
            return state.table.release(place, proof: proof, at: self.clock.now).flatMap { state.waiters[$0.proof] }
        }
        next?.raise()
    }

    /// Ends what is over until the task is cancelled.
    func sweep() async {
        while !Task.isCancelled {
            let isQuiet = self.state.withLock { $0.table.isQuiet }
            let due = isQuiet ? nil : self.clock.now.advanced(by: RegistryTable.tick)
            await race {
                if let due { try? await self.clock.sleep(until: due, tolerance: nil) } else { await Signal().wait() }
            } _: {
                if due == nil { _ = try? await self.wake.next() } else { await Signal().wait() }
            }
            guard !Task.isCancelled else { return }
            let next = self.state.withLock { state in
                let now = self.clock.now
                // By what this tick is late, wherever the time went, nobody could renew.
                let lateness = state.lastTick.duration(to: now) - RegistryTable.tick
                state.lastTick = now
                let given = state.table.expire(at: now, lateness: isQuiet ? .zero : lateness)
                return given.compactMap { state.waiters[$0.grant.proof] }
            }
            for signal in next { signal.raise() }
        }
    }

    /// Forgets who holds what, as a server does that was restarted without its data; tokens go on rising.
    ///
    /// Those who wait begin anew.
    func wipe() {
        let waiters = self.state.withLock { state in
            state.table = LockTable(lastToken: state.table.lastToken)
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.raise() }
    }
}
