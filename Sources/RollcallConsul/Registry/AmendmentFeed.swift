import HTTPEngine
import Rollcall
import Synchronization

/// Hands the amendments of a namespace to all watches of a backend, of which one asks for changes on behalf of all.
///
/// So many watches take one connection more, not twice as many. When the watch that asks ends, another one goes on.
final class AmendmentFeed: Sendable {
    private typealias Deliver = @Sendable (Amendments) -> Void

    private struct Reader {
        let deliver: Deliver
        /// Whether it has begun with what was there.
        var hasBegun = false
        /// What was told before that.
        var told: AmendmentReading?
    }

    private struct State {
        var latest: Amendments?
        var hasAsker = false
        var vacancy = Signal()
        var readers: [UInt64: Reader] = [:]
        var nextReader: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Creates a feed that nobody reads.
    init() {}

    /// Calls `deliver` with what is laid over records now, and after each change, until the task is cancelled.
    ///
    /// - Parameters:
    ///   - backend: Whom to ask.
    ///   - deliver: Takes the amendments, one after the other; called under a lock.
    /// - Returns: Why it ended.
    func follow(
        of backend: ConsulBackend,
        deliver: @escaping @Sendable (Amendments) -> Void
    ) async -> BackendError {
        let number = self.state.withLock { state in
            state.nextReader += 1
            state.readers[state.nextReader] = Reader(deliver: deliver)
            return state.nextReader
        }
        defer { self.state.withLock { _ = $0.readers.removeValue(forKey: number) } }
        do throws(BackendError) {
            // What the others were told may be a moment old, and a watch begins with what is there now.
            let present = try await backend.retrying("amendments") { () async throws(BackendError) in
                try await backend.amendments(under: backend.amendmentPrefix)
            }
            self.begin(number, with: present)
            while true {
                guard let vacancy = self.takePlace() else { throw await self.ask(backend) }
                await vacancy.wait()
                guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            }
        } catch {
            return error
        }
    }

    /// Hands a reader what was there when it came, or what was told since, whichever is newer.
    private func begin(_ number: UInt64, with present: AmendmentReading) {
        self.state.withLock { state in
            guard let reader = state.readers[number] else { return }
            state.readers[number]?.hasBegun = true
            let told = reader.told.flatMap { $0.index ?? 0 > present.index ?? 0 ? $0 : nil }
            reader.deliver((told ?? present).amendments)
        }
    }

    /// Takes the place of the one who asks; returns what to wait for where somebody has it.
    private func takePlace() -> Signal? {
        self.state.withLock { state in
            guard !state.hasAsker else { return state.vacancy }
            state.hasAsker = true
            return nil
        }
    }

    private func ask(_ backend: ConsulBackend) async -> BackendError {
        defer {
            let vacancy = self.state.withLock { state in
                state.hasAsker = false
                state.latest = nil
                defer { state.vacancy = Signal() }
                return state.vacancy
            }
            vacancy.raise()
        }
        do throws(BackendError) {
            try await backend.follow("watch of the amendments") {
                backend.amendmentCall(under: backend.amendmentPrefix, "amendments")
            } changed: { answer throws(BackendError) in
                let amendments = Amendments(try ConsulBackend.keyValues(answer, "amendments", nil))
                self.tell(AmendmentReading(amendments: amendments, index: answer.consulIndex))
            }
        } catch  where error.code == .permissionDenied {
            // A token that may not read keys sees none; nothing will change that soon.
            backend.log(.info, "amendments are not seen: \(error)")
            await Signal().wait()
            return BackendError(.cancelled, "the task was cancelled")
        } catch {
            return error
        }
    }

    private func tell(_ reading: AmendmentReading) {
        self.state.withLock { state in
            guard state.latest != reading.amendments else { return }
            state.latest = reading.amendments
            for (number, reader) in state.readers {
                if reader.hasBegun { reader.deliver(reading.amendments) } else { state.readers[number]?.told = reading }
            }
        }
    }
}
