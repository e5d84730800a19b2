import Rollcall
import Synchronization

/// A reading that all share who want it within a second and after the same change.
final class SharedRead<Value: Sendable>: Sendable {
    private struct State {
        var version = 0
        var value: (version: Int, moment: TimeSource.Instant, value: Value)?
        /// Raised when the reading that is under way has ended.
        var reading: Signal?
    }

    private enum Turn {
        case known(Value)
        case wait(Signal)
        case read(Signal, version: Int)
    }

    private let state = Mutex(State())

    init() {}

    /// Makes the next reading a new one.
    func invalidate() { self.state.withLock { $0.version += 1 } }

    /// What was read since the last change, or reads it.
    ///
    /// - Parameters:
    ///   - now: The time.
    ///   - read: Reads.
    /// - Returns: The value.
    /// - Throws: What `read` throws; others who wait for it read themselves then.
    func value(at now: TimeSource.Instant, _ read: () async throws(BackendError) -> Value) async throws(BackendError)
        -> Value
    {
        while true {
            guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            switch self.turn(now) {
            case .known(let value): return value
            case .wait(let signal): await signal.wait()
            case .read(let signal, let version):
                defer {
                    self.state.withLock { $0.reading = nil }
                    signal.raise()
                }
                let value = try await read()
                self.state.withLock { $0.value = (version, now, value) }
                return value
            }
        }
    }

    private func turn(_ now: TimeSource.Instant) -> Turn {
        self.state.withLock { state in
            if let known = state.value, known.version == state.version, known.moment.duration(to: now) < .seconds(1) {
                return .known(known.value)
            }
            if let signal = state.reading { return .wait(signal) }
            let signal = Signal()
            state.reading = signal
            return .read(signal, version: state.version)
        }
    }
}
