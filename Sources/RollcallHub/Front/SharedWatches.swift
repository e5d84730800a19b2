import Rollcall
import Synchronization

/// Watches of an engine, of each key one for all who follow it.
///
/// A watch that nobody follows any more goes on for a while, as clients often come back at once.
final class SharedWatches<Key: Hashable & Sendable, State: Sendable>: Sendable {
    /// Watches a key until it fails or is cancelled.
    typealias Watch = @Sendable (Key, @escaping @Sendable (State) -> Void) async throws(BackendError) -> Never
    /// Is told each state.
    typealias Listener = @Sendable (Key, State) -> Void

    /// One watch from its beginning to its end.
    fileprivate final class Run: Sendable {
        let first = Signal()
        let stop = Signal()
        let outcome = Mutex((state: State?.none, failure: BackendError?.none))

        func fail(_ error: BackendError) {
            self.outcome.withLock { $0.failure = $0.failure ?? error }
            self.first.raise()
            self.stop.raise()
        }
    }

    private struct Record {
        let run: Run
        var users = 1
        /// How often the last user left.
        var departures = 0
    }

    /// The right to follow a key; ``SharedWatches/release(_:)`` must come after it.
    struct Hold: Sendable {
        let key: Key
        fileprivate let run: Run
    }

    /// The most keys that are watched at once.
    private static var maximumCount: Int { 10_000 }

    private let jobs: JobQueue
    private let clock: TimeSource
    private let linger: Duration
    private let watch: Watch
    private let changed: Listener
    private let failed: @Sendable (Key, BackendError) -> Void
    private let records = Mutex<[Key: Record]>([:])

    /// Creates a table without watches.
    ///
    /// - Parameters:
    ///   - jobs: Runs the watches.
    ///   - clock: Measures how long a watch goes on without followers.
    ///   - linger: How long that is.
    ///   - watch: Watches a key.
    ///   - changed: Is told each state, of one key one after the other.
    ///   - failed: Is told that a watch ended for good.
    init(
        jobs: JobQueue,
        clock: TimeSource,
        linger: Duration,
        watch: @escaping Watch,
        changed: @escaping Listener,
        failed: @escaping @Sendable (Key, BackendError) -> Void
    ) {
        self.jobs = jobs
        self.clock = clock
        self.linger = linger
        self.watch = watch
        self.changed = changed
        self.failed = failed
    }

    /// How many keys are watched.
    var count: Int { self.records.withLock { $0.count } }

    /// Follows a key.
    ///
    /// - Throws: `unavailable` when too many keys are watched.
    func hold(_ key: Key) throws(BackendError) -> Hold {
        let (run, isNew) = try self.records.withLock { records throws(BackendError) -> (Run, Bool) in
            if let present = records[key] {
                records[key]?.users += 1
                return (present.run, false)
            }
            guard records.count < Self.maximumCount else {
                var error = BackendError(.unavailable, "\(Self.maximumCount) keys are watched, the most at once")
                error.limit = Self.maximumCount
                throw error
            }
            let record = Record(run: Run())
            records[key] = record
            return (record.run, true)
        }
        if isNew {
            self.jobs.add {
                await race {
                    await self.follow(key, run)
                } _: {
                    await run.stop.wait()
                }
            }
        }
        return Hold(key: key, run: run)
    }

    /// Follows a key no longer.
    func release(_ hold: Hold) {
        let departures = self.records.withLock { records -> Int? in
            guard var record = records[hold.key], record.run === hold.run else { return nil }
            record.users -= 1
            record.departures += 1
            records[hold.key] = record
            return record.users == 0 ? record.departures : nil
        }
        guard let departures else { return }
        self.jobs.add {
            try? await self.clock.sleep(for: self.linger)
            self.end(hold, ifUnusedSince: departures)
        }
    }

    /// The state now, or the first one.
    ///
    /// - Parameters:
    ///   - hold: Which key.
    ///   - limit: How long the first state may take.
    /// - Returns: The state.
    /// - Throws: What ended the watch; `unavailable` when there is no state in time.
    func state(_ hold: Hold, within limit: Duration) async throws(BackendError) -> State {
        if let state = try self.latest(hold) { return state }
        await race { [clock] in
            try? await clock.sleep(for: limit)
        } _: {
            await hold.run.first.wait()
        }
        if let state = try self.latest(hold) { return state }
        guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
        throw BackendError(.unavailable, "the engine did not tell the first state of \(hold.key) within \(limit.text)")
    }

    /// The state now, if a watch has told one.
    func state(of key: Key) -> State? {
        self.records.withLock { $0[key]?.run }?.outcome.withLock { $0.state }
    }

    /// Ends all watches; those who follow them see why.
    func endAll(_ error: BackendError) {
        let ended = self.records.withLock { records in
            defer { records = [:] }
            return records
        }
        for record in ended.values { record.run.fail(error) }
    }

    /// Ends the watch of a key; those who follow it see why.
    func end(_ key: Key, _ error: BackendError) {
        guard let record = self.records.withLock({ $0.removeValue(forKey: key) }) else { return }
        let wasTold = record.run.outcome.withLock { $0.state != nil }
        record.run.fail(error)
        if wasTold { self.failed(key, error) }
    }

    /// Waits until the state of each key is known.
    ///
    /// - Parameters:
    ///   - holds: The keys.
    ///   - limit: How long that may take in all.
    /// - Throws: What ended a watch; `unavailable` when there is no state in time.
    func awaitStates(_ holds: [Hold], within limit: Duration) async throws(BackendError) {
        let deadline = self.clock.now.advanced(by: limit)
        for hold in holds { _ = try await self.state(hold, within: self.clock.now.duration(to: deadline)) }
    }

    /// Checks that watches have not ended.
    ///
    /// - Throws: What ended one.
    func check(_ holds: [Hold]) throws(BackendError) {
        for hold in holds {
            if let failure = hold.run.outcome.withLock({ $0.failure }) { throw failure }
        }
    }

    /// Whether a watch is the one that others who come now would follow.
    func isCurrent(_ hold: Hold) -> Bool { self.records.withLock { $0[hold.key]?.run === hold.run } }

    private func latest(_ hold: Hold) throws(BackendError) -> State? {
        let (state, failure) = hold.run.outcome.withLock { $0 }
        if let failure { throw failure }
        // What the listener keeps is there once that is raised.
        return hold.run.first.isRaised ? state : nil
    }

    private func follow(_ key: Key, _ run: Run) async {
        do throws(BackendError) {
            try await self.watch(key) { self.take($0, key, run) }
        } catch {
            guard !run.stop.isRaised, !Task.isCancelled else { return }
            let isPresent = self.records.withLock { records in
                guard records[key]?.run === run else { return false }
                records[key] = nil
                return true
            }
            let wasTold = run.outcome.withLock { $0.state != nil }
            run.fail(error)
            // Nobody has a stream of what never had a state.
            if isPresent, wasTold { self.failed(key, error) }
        }
    }

    private func take(_ state: State, _ key: Key, _ run: Run) {
        guard !run.stop.isRaised else { return }
        run.outcome.withLock { $0.state = state }
        // Whoever waits for the first state may look into what the listener keeps.
        self.changed(key, state)
        run.first.raise()
    }

    private func end(_ hold: Hold, ifUnusedSince departures: Int) {
        let isOver = self.records.withLock { records in
            guard let record = records[hold.key], record.run === hold.run, record.users == 0,
                record.departures == departures
            else { return false }
            records[hold.key] = nil
            return true
        }
        if isOver { hold.run.stop.raise() }
    }
}
