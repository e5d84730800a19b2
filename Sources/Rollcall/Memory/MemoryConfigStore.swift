import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The configuration of a ``MemoryRegistry``: what is stored, and who is told of changes.
final class MemoryConfigStore: Sendable {
    typealias Mailbox = KeyedMailbox<ConfigKey, ConfigState>

    private struct Watch {
        let instance: ConfigInstance?
        let mailbox: Mailbox
    }

    private struct State {
        var table = ConfigTable()
        var watches: [ConfigTable.Place: [UInt64: Watch]] = [:]
        var uses: [Namespace: [ConfigInstance: [ConfigKey: Int64]]] = [:]
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
        as instance: ConfigInstance? = nil,
        deliver: @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        let mailbox = Mailbox()
        let id = self.state.withLock { state in
            state.nextWatch += 1
            state.watches[place, default: [:]][state.nextWatch] = Watch(instance: instance, mailbox: mailbox)
            mailbox.offer(Self.shown(place, to: instance, in: state.table), for: place.key)
            return state.nextWatch
        }
        defer {
            self.state.withLock { state in
                state.watches[place]?[id] = nil
                if state.watches[place]?.isEmpty == true { state.watches[place] = nil }
            }
        }
        var last: ConfigState?
        while let state = try await mailbox.next() {
            // A candidate for others changes nothing.
            guard state != last else { continue }
            last = state
            deliver(state)
        }
        throw BackendError(.closed, "the registry is gone")
    }

    /// Forgets everything, as a server does that was restarted without its data; the count of changes goes on.
    func wipe() {
        self.state.withLock { state in
            state.table = ConfigTable(revision: state.table.revision)
            for place in state.watches.keys { Self.tell(place, in: state) }
        }
    }

    /// Takes note of what an instance has in use.
    func note(_ uses: [ConfigKey: Int64], of instance: ConfigInstance, in namespace: Namespace) {
        self.state.withLock { $0.uses[namespace, default: [:]][instance] = uses }
    }

    /// Which instances said that they use which version of a key, in order of their ids.
    func readers(of place: ConfigTable.Place) -> [ConfigReaderStatus] {
        self.state.withLock { state in
            let readers = (state.uses[place.namespace] ?? [:]).compactMap { instance, uses in
                uses[place.key].map { version in
                    ConfigReaderStatus(
                        instance: instance,
                        expected: state.table.entry(at: place, for: instance)?.version ?? 0,
                        actual: version
                    )
                }
            }
            return readers.sorted { $0.instance.id < $1.instance.id }
        }
    }

    private static func tell(_ place: ConfigTable.Place, in state: borrowing State) {
        for watch in state.watches[place]?.values ?? [:].values {
            watch.mailbox.offer(Self.shown(place, to: watch.instance, in: state.table), for: place.key)
        }
    }

    private static func shown(
        _ place: ConfigTable.Place,
        to instance: ConfigInstance?,
        in table: ConfigTable
    ) -> ConfigState {
        table.entry(at: place, for: instance).map { .present($0) } ?? .absent
    }
}
