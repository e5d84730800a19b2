import Rollcall
import Synchronization

/// Writes what others hand over, who must not wait for whoever reads: on a thread that is there while there is work.
///
/// What does not fit in memory is dropped and counted.
final class BackgroundWriter<Element: Sendable>: Sendable {
    private struct State {
        var waiting: [Element] = []
        var dropped = 0
        var isWriting = false
    }

    private let state = Mutex(State())
    private let capacity: Int
    private let write: @Sendable (_ elements: [Element], _ dropped: Int) -> Void

    /// Creates a writer.
    ///
    /// - Parameters:
    ///   - capacity: How many elements may wait; the next is dropped.
    ///   - write: Writes elements, and how many were dropped behind them. It may block, and runs once at a time.
    init(capacity: Int = 8192, write: @escaping @Sendable (_ elements: [Element], _ dropped: Int) -> Void) {
        self.capacity = capacity
        self.write = write
    }

    /// Takes an element, and returns at once.
    func offer(_ element: Element) {
        let isFirst = self.state.withLock { state in
            guard state.waiting.count < self.capacity else {
                state.dropped += 1
                return false
            }
            state.waiting.append(element)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        guard isFirst else { return }
        do throws(AttemptError) {
            try SystemThread.begin { self.drain() }
        } catch {
            // The next element tries again.
            self.state.withLock { $0.isWriting = false }
        }
    }

    /// Waits until all is written, or for a while: for one who reads no longer it would be for ever.
    func finish(within limit: Duration, clock: TimeSource) async {
        let end = clock.now.advanced(by: limit)
        while self.state.withLock({ $0.isWriting }), clock.now < end {
            guard (try? await clock.sleep(for: .milliseconds(5))) != nil else { return }
        }
    }

    private func drain() {
        while true {
            let taken = self.state.withLock { state -> State in
                defer { state = State(isWriting: !state.waiting.isEmpty) }
                return state
            }
            guard !taken.waiting.isEmpty else { return }
            self.write(taken.waiting, taken.dropped)
        }
    }
}
