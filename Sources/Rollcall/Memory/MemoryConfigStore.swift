import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The configuration of a ``MemoryRegistry``: what is stored, and who is told of changes.
final class MemoryConfigStore: Sendable {
    typealias Mailbox = KeyedMailbox<ConfigKey, ConfigState>

    private struct State {
        var table = ConfigTable()
        var watches: [ConfigTable.Place: [UInt64: Mailbox]] = [:]
        var nextWatch: UInt64 = 0
    }

    private let state = Mutex(State())

    /// The number of watches that are open now.
    var watchCount: Int { self.state.withLock { state in state.watches.values.reduce(0) { $0 + $1.count } } }

    /// Reads.
    func read<Value: Sendable>(
        _ body: (ConfigTable) throws(BackendError) -> Value
    ) throws(BackendError) -> Value {
        try self.state.withLock { state in Result { () throws(BackendError) in try body(state.table) } }.get()
    }

    /// Makes changes, and tells those who watch.
    ///
    /// - Parameter body: Makes all its changes or none, in the table itself: a copy would cost as much as all that is
    ///   stored, at each write.
    /// - Returns: What `body` returns besides the places that it changed.
    /// - Throws: What `body` throws.
    func change<Value: Sendable>(
        _ body: (inout ConfigTable) throws(BackendError) -> (Value, [ConfigTable.Place])
    ) throws(BackendError) -> Value {
        try self.state.withLock { state in
            Result { () throws(BackendError) in
                let (value, places) = try body(&state.table)
                for place in places { Self.tell(place, in: state) }
                return value
            }
        }
        .get()
    }

    /// Delivers the state of a key, then each change, until the task is cancelled.
    func watch(
        _ place: ConfigTable.Place,
        deliver: @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        let mailbox = Mailbox()
        let id = self.state.withLock { state in
            state.nextWatch += 1
            state.watches[place, default: [:]][state.nextWatch] = mailbox
            mailbox.offer(Self.shown(place, in: state.table), for: place.key)
            return state.nextWatch
        }
        defer {
            self.state.withLock { state in
                state.watches[place]?[id] = nil
                if state.watches[place]?.isEmpty == true { state.watches[place] = nil }
            }
        }
        while let state = try await mailbox.next() { deliver(state) }
        throw BackendError(.closed, "the registry is gone")
    }

    /// Forgets everything, as a server does that was restarted without its data; the count of changes goes on.
    func wipe() {
        self.state.withLock { state in
            state.table = ConfigTable(revision: state.table.revision)
            for place in state.watches.keys { Self.tell(place, in: state) }
        }
    }

    private static func tell(_ place: ConfigTable.Place, in state: borrowing State) {
        let shown = Self.shown(place, in: state.table)
        for mailbox in state.watches[place]?.values ?? [:].values { mailbox.offer(shown, for: place.key) }
    }

    private static func shown(_ place: ConfigTable.Place, in table: ConfigTable) -> ConfigState {
        table.entry(at: place).map { .present($0) } ?? .absent
    }
}
