import Synchronization

/// Lets so many at a time do something, in the order in which they came.
///
/// Consul's agent allows each client a few connections, and counts those of watches among them: a thousand renewals must
/// not take a thousand.
package final class Turns: Sendable {
    private struct State {
        var free: Int
        /// Those who wait, by their numbers; some may have gone.
        var waiting: [UInt64: Signal] = [:]
        var first: UInt64 = 0
        var next: UInt64 = 0
    }

    private let state: Mutex<State>

    /// Creates turns.
    ///
    /// - Parameter count: How many have one at a time.
    package init(_ count: Int) {
        self.state = Mutex(State(free: count))
    }

    /// The number of those who wait.
    package var waitingCount: Int { self.state.withLock { $0.waiting.count } }

    /// Waits for a turn; whoever got one gives it back by ``give()``.
    ///
    /// - Parameters:
    ///   - limit: How long to wait.
    ///   - clock: What measures it.
    /// - Throws: `unavailable` when it takes too long, `cancelled`; then there is no turn to give back.
    package func take(within limit: Duration, clock: TimeSource) async throws(BackendError) {
        let place = self.state.withLock { state -> (number: UInt64, signal: Signal)? in
            guard state.free == 0 else {
                state.free -= 1
                return nil
            }
            let place = (state.next, Signal())
            state.waiting[place.0] = place.1
            state.next += 1
            return place
        }
        guard let (number, signal) = place else { return }
        await race {
            try? await clock.sleep(for: limit)
        } _: {
            await signal.wait()
        }
        // Who was let in at the last moment has the turn all the same.
        guard self.state.withLock({ $0.waiting.removeValue(forKey: number) != nil }) else { return }
        throw Task.isCancelled
            ? BackendError(.cancelled, "the task was cancelled")
            : BackendError(.unavailable, "so many calls are under way that this one was not sent in \(limit.text)")
    }

    /// Gives a turn back.
    package func give() {
        let next = self.state.withLock { state -> Signal? in
            while state.first < state.next {
                defer { state.first += 1 }
                if let signal = state.waiting.removeValue(forKey: state.first) { return signal }
            }
            state.free += 1
            return nil
        }
        next?.raise()
    }
}
