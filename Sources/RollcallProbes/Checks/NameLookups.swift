import HTTPEngine
import Rollcall
import Synchronization

/// Asks the system's resolver without waiting for it longer than a check may take.
///
/// The resolver blocks a thread for as long as it likes. Those that nobody waits for any more end by themselves; there
/// are never more than a fixed number.
final class NameLookups: Sendable {
    private final class Answer: Sendable {
        let arrived = Signal()
        let value = Mutex<Resolution?>(nil)
    }

    private let maximum: Int
    private let active = Atomic<Int>(0)

    /// Creates look-ups.
    ///
    /// - Parameter maximum: The most threads at once.
    init(maximum: Int) {
        self.maximum = maximum
    }

    /// The addresses of a host.
    ///
    /// - Parameters:
    ///   - origin: The host, and the port that its addresses get.
    ///   - deadline: When to give up, by `clock`.
    ///   - clock: What measures the deadline.
    /// - Returns: What the resolver says; `unknown` when it does not in time, or is too busy.
    func addresses(
        of origin: Origin,
        until deadline: TimeSource.Instant,
        clock: TimeSource
    ) async -> Resolution {
        guard self.begin() else {
            return .unknown("\(origin.host): the resolver has not answered \(self.maximum) look-ups before this one")
        }
        let answer = Answer()
        do throws(SystemError) {
            try SystemThread.start {
                let resolution = Resolution.of(origin)
                self.end()
                answer.value.withLock { $0 = resolution }
                answer.arrived.raise()
            }
        } catch {
            self.end()
            return .unknown("\(origin.host): \(error)")
        }
        await race {
            await answer.arrived.wait()
        } _: {
            try? await clock.sleep(until: deadline, tolerance: nil)
        }
        return answer.value.withLock { $0 } ?? .unknown("\(origin.host): the resolver did not answer in time")
    }

    private func begin() -> Bool {
        if self.active.wrappingAdd(1, ordering: .relaxed).newValue <= self.maximum { return true }
        self.end()
        return false
    }

    private func end() {
        self.active.wrappingSubtract(1, ordering: .relaxed)
    }
}
