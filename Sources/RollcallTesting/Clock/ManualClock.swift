import Synchronization

/// A clock that stands still until a test moves it.
public final class ManualClock: Clock {
    /// A moment of the clock.
    public struct Instant: InstantProtocol {
        /// The time since the clock began.
        public let elapsed: Duration

        /// The moment `duration` later.
        public func advanced(by duration: Duration) -> Instant { Instant(elapsed: self.elapsed + duration) }
        /// How much later `other` is.
        public func duration(to other: Instant) -> Duration { other.elapsed - self.elapsed }
        /// Whether `lhs` comes before `rhs`.
        public static func < (lhs: Instant, rhs: Instant) -> Bool { lhs.elapsed < rhs.elapsed }
    }

    private struct Sleeper {
        let deadline: Instant
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var now = Instant(elapsed: .zero)
        var sleepers: [UInt64: Sleeper] = [:]
        var nextSleeper: UInt64 = 0
        var waitersForSleepers: [UInt64: (count: Int, continuation: CheckedContinuation<Void, Never>)] = [:]
    }

    private let state = Mutex(State())

    /// Creates a clock at its beginning.
    public init() {}

    /// The present moment.
    public var now: Instant { self.state.withLock { $0.now } }

    /// The least difference that the clock can tell.
    public var minimumResolution: Duration { .nanoseconds(1) }

    /// The number of tasks asleep on the clock.
    public var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }

    /// Moves the clock on, and awakes who was to sleep until then.
    public func advance(by duration: Duration) {
        let due = self.state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.deadline <= state.now }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.sorted { $0.deadline < $1.deadline }
        }
        for sleeper in due { sleeper.continuation.resume(returning: true) }
    }

    /// Returns once at least `count` tasks sleep on the clock, so that a test moves it no sooner.
    public func waitForSleepers(_ count: Int = 1) async {
        let id = self.state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isThere = self.state.withLock { state in
                    if state.sleepers.count >= count || Task.isCancelled { return true }
                    state.waitersForSleepers[id] = (count, continuation)
                    return false
                }
                if isThere { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.waitersForSleepers.removeValue(forKey: id) }?.continuation.resume()
        }
    }

    /// Sleeps until a moment, or throws `CancellationError` when the task is cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let id = self.state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        let isDue = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                self.fallAsleep(id, Sleeper(deadline: deadline, continuation: continuation))
            }
        } onCancel: {
            self.state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(returning: false)
        }
        if !isDue { throw CancellationError() }
    }

    private func fallAsleep(_ id: UInt64, _ sleeper: Sleeper) {
        let (answer, ready) = self.state.withLock { state -> (Bool?, [CheckedContinuation<Void, Never>]) in
            if Task.isCancelled { return (false, []) }
            if sleeper.deadline <= state.now { return (true, []) }
            state.sleepers[id] = sleeper
            let ready = state.waitersForSleepers.filter { $0.value.count <= state.sleepers.count }
            for id in ready.keys { state.waitersForSleepers[id] = nil }
            return (nil, ready.values.map(\.continuation))
        }
        if let answer { sleeper.continuation.resume(returning: answer) }
        for continuation in ready { continuation.resume() }
    }
}
