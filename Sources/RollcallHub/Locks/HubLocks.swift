package import Rollcall
import Synchronization

/// The hub's locks: who holds them is on the disk before he is told, so that tokens rise across restarts.
///
/// Renewals are not written. After a start every holder has one time-to-live of grace.
package final class HubLocks: Sendable {
    private struct State {
        var table: LockTable
        /// Whom to wake, by what he is known by.
        var waiters: [Waiter: Signal] = [:]
        /// When expiry was judged last, or when there began to be something to judge.
        var lastTick: TimeSource.Instant
    }

    /// Somebody who waits for a lock.
    private struct Waiter: Hashable {
        let place: LockTable.Place
        let proof: String
    }

    /// What a commit gave and took.
    private struct Outcome: Sendable {
        var given: [(place: LockTable.Place, grant: LockTable.Grant)] = []
    }

    /// What is granted as time-to-live; what is asked for outside is clamped.
    package static let ttl: ClosedRange<Duration> = .seconds(1)...(.seconds(86400))
    /// How many may wait for one lock.
    package static let longestQueue = 10_000

    private let disk: HubState
    private let clock: TimeSource
    private let state: Mutex<State>
    private let wake = KeyedMailbox<Bool, Void>()

    init(_ disk: HubState, _ contents: StateContents, clock: TimeSource) {
        self.disk = disk
        self.clock = clock
        let now = clock.now
        var table = LockTable(lastToken: contents.lastToken)
        for holder in contents.holders {
            table.restore(holder.place, proof: holder.proof, token: holder.token, ttl: holder.ttl, at: now)
        }
        self.state = Mutex(State(table: table, lastTick: now))
    }

    /// Who holds a lock.
    package func holder(at place: LockTable.Place) -> LockHolder? {
        self.state.withLock { $0.table.holder(at: place) }
    }

    /// How many locks there are that somebody holds or waits for, and how many wait.
    var counts: (locks: Int, waiting: Int) { self.state.withLock { ($0.table.count, $0.waiters.count) } }

    /// Takes a lock, or waits for it.
    ///
    /// Asking again with the same proof changes nothing: a caller whose answer was lost has what he had.
    ///
    /// - Parameters:
    ///   - place: The lock.
    ///   - proof: What the caller is known by.
    ///   - ttl: How long the lock outlives its last renewal.
    ///   - wait: How long to wait; zero to take it only when it is free.
    ///   - end: Raised when the caller is gone.
    /// - Returns: What is given; `nil` when it was not to be had in time, or the caller is gone. Nothing is left behind
    ///   then.
    /// - Throws: `unavailable` when it cannot be written down; `tooLarge` when too many wait.
    package func acquire(
        _ place: LockTable.Place,
        proof: String,
        ttl: Duration,
        wait: Duration,
        end: Signal
    ) async throws(BackendError) -> LockTable.Grant? {
        let deadline = self.clock.now.advanced(by: wait)
        let waiter = Waiter(place: place, proof: proof)
        while true {
            let turn = Signal()
            if let grant = try await self.ask(waiter, ttl: ttl, turn: turn, mayWait: wait > .zero) {
                // Nobody would renew what a caller got who is gone.
                guard end.isRaised || Task.isCancelled else { return grant }
                try await self.release(place, proof: proof)
                return nil
            }
            guard wait > .zero else { return nil }
            await self.waiting(for: turn, until: deadline, end)
            let isGone = end.isRaised || Task.isCancelled
            let grant = self.state.withLock { $0.table.grant(of: proof, at: place) }
            if turn.isRaised, let grant, !isGone { return grant }
            // Without a turn a grant may not be on the disk yet, and after a turn without one everything begins anew.
            if turn.isRaised, !isGone, self.clock.now < deadline { continue }
            try await self.leave(waiter, turn)
            return nil
        }
    }

    /// Leaves the queue, but for a caller who asked again meanwhile and waits by another call.
    private func leave(_ waiter: Waiter, _ turn: Signal) async throws(BackendError) {
        let isOwn = self.state.withLock { state in
            guard let present = state.waiters[waiter] else { return turn.isRaised }
            return present === turn
        }
        if isOwn { try await self.release(waiter.place, proof: waiter.proof) }
    }

    /// Renews.
    ///
    /// - Returns: The time-to-live.
    /// - Throws: `leaseLost` when somebody else may hold the lock.
    package func renew(_ place: LockTable.Place, proof: String) throws(BackendError) -> Duration {
        let grant = self.state.withLock { $0.table.renew(place, proof: proof, at: self.clock.now) }
        guard let grant else {
            throw BackendError(.leaseLost, "the lock is not held any more", key: place.name.text)
        }
        return grant.ttl
    }

    /// Lets go of a lock, or of a place in its queue; once more changes nothing.
    ///
    /// - Throws: `unavailable` when it cannot be written down; the lock is free all the same.
    package func release(_ place: LockTable.Place, proof: String) async throws(BackendError) {
        try await self.commit { state, now in
            let held = state.table.grant(of: proof, at: place)
            state.waiters[Waiter(place: place, proof: proof)] = nil
            let next = state.table.release(place, proof: proof, at: now)
            return (held == nil ? [] : [place], next.map { [(place, $0)] } ?? [])
        }
    }

    /// Ends what is over until the task is cancelled.
    func sweep() async {
        while !Task.isCancelled {
            let isQuiet = self.state.withLock { $0.table.isQuiet }
            if isQuiet {
                _ = try? await self.wake.next()
                continue
            }
            let due = self.clock.now.advanced(by: RegistryTable.tick)
            try? await self.clock.sleep(until: due, tolerance: nil)
            guard !Task.isCancelled else { return }
            await self.expire()
        }
    }

    private func expire() async {
        let (isDue, lateness) = self.state.withLock { state in
            let now = self.clock.now
            // By what this tick is late, wherever the time went, nobody could renew.
            let lateness = state.lastTick.duration(to: now) - RegistryTable.tick
            state.lastTick = now
            return (lateness > .milliseconds(200) || state.table.isDue(at: now), lateness)
        }
        guard isDue else { return }
        // What cannot be written down is tried again at the next tick.
        try? await self.commit { state, now in
            let ended = state.table.overdue(at: now, lateness: lateness)
            let given = state.table.expire(at: now, lateness: lateness)
            return (ended, given)
        }
    }

    /// Asks for a lock in the next commit.
    private func ask(
        _ waiter: Waiter,
        ttl: Duration,
        turn: Signal,
        mayWait: Bool
    ) async throws(BackendError) -> LockTable.Grant? {
        let granted = min(max(ttl, Self.ttl.lowerBound), Self.ttl.upperBound)
        let undo: @Sendable (LockTable.Grant?) -> Void = { grant in
            self.state.withLock { state in
                // Whoever is told that it failed waits for nothing, not even for what others could not write down.
                if state.waiters[waiter] === turn { state.waiters[waiter] = nil }
                if let grant { state.table.takeBack(grant, at: waiter.place) }
                _ = state.table.release(waiter.place, proof: waiter.proof, at: self.clock.now)
            }
        }
        let grant = try await self.disk.commit(undo: undo) { commit throws(BackendError) -> LockTable.Grant? in
            let (grant, isNew) = try self.take(waiter, ttl: granted, turn: turn, mayWait: mayWait)
            if isNew, let grant { commit.write(.hold(waiter.place, grant)) }
            return grant
        }
        self.wake.offer((), for: true)
        return grant
    }

    private func take(
        _ waiter: Waiter,
        ttl: Duration,
        turn: Signal,
        mayWait: Bool
    ) throws(BackendError) -> (grant: LockTable.Grant?, isNew: Bool) {
        let (place, proof) = (waiter.place, waiter.proof)
        let now = self.clock.now
        let result = self.state.withLock { state -> Result<(LockTable.Grant?, Bool), BackendError> in
            if state.table.isQuiet { state.lastTick = now }
            if let grant = state.table.grant(of: proof, at: place) { return .success((grant, false)) }
            if let holder = state.table.holder(at: place) {
                guard mayWait else { return .success((nil, false)) }
                guard holder.waiting ?? 0 < Self.longestQueue else {
                    var error = BackendError(.tooLarge, "too many wait for the lock already", key: place.name.text)
                    error.limit = Self.longestQueue
                    return .failure(error)
                }
            }
            let grant = state.table.acquire(place, proof: proof, ttl: ttl, at: now)
            if grant == nil { state.waiters[waiter] = turn }
            return .success((grant, grant != nil))
        }
        return try result.get()
    }

    private func waiting(for turn: Signal, until deadline: TimeSource.Instant, _ end: Signal) async {
        await race {
            await turn.wait()
        } _: {
            await race {
                try? await self.clock.sleep(until: deadline, tolerance: nil)
            } _: {
                await end.wait()
            }
        }
    }

    /// Changes the table in the next commit, and wakes who has a lock because of it once that is on the disk.
    private func commit(
        _ change:
            @escaping @Sendable (inout State, TimeSource.Instant) -> (
                freed: [LockTable.Place], given: [(place: LockTable.Place, grant: LockTable.Grant)]
            )
    ) async throws(BackendError) {
        let undo: @Sendable (Outcome) -> Void = { outcome in
            self.state.withLock { state in
                for (place, grant) in outcome.given { state.table.takeBack(grant, at: place) }
            }
        }
        let outcome = try await self.disk.commit(undo: undo) { commit -> Outcome in
            let (freed, given) = self.state.withLock { change(&$0, self.clock.now) }
            for place in freed { commit.write(.free(place)) }
            for (place, grant) in given { commit.write(.hold(place, grant)) }
            return Outcome(given: given)
        }
        let signals = self.state.withLock { state in
            outcome.given.compactMap {
                state.waiters.removeValue(forKey: Waiter(place: $0.place, proof: $0.grant.proof))
            }
        }
        for signal in signals { signal.raise() }
    }
}
