import Rollcall
import Synchronization

/// Tells open streams and polls which keys changed; what is stored there they read themselves.
final class ConfigFeed: Sendable {
    /// What a stream is told.
    enum News: Hashable, Sendable {
        /// What is stored under a key, or its candidate, changed.
        case key(ConfigKey)
        /// Show that the stream lives.
        case beat
    }

    typealias Mailbox = KeyedMailbox<News, News>

    /// What a stream is told of.
    struct Interest: Sendable {
        /// Where.
        let namespace: Namespace
        /// These keys.
        var keys: Set<ConfigKey> = []
        /// The keys that begin with one of these.
        var prefixes: [String] = []

        func covers(_ key: ConfigKey) -> Bool {
            self.prefixes.contains { key.text.utf8.starts(with: $0.utf8) }
        }
    }

    private struct State {
        var nextNumber: UInt64 = 0
        var exact: [ConfigTable.Place: [UInt64: Mailbox]] = [:]
        var patterns: [Namespace: [UInt64: (interest: Interest, mailbox: Mailbox)]] = [:]
        var all: [UInt64: Mailbox] = [:]
    }

    private let state = Mutex(State())

    /// How many streams and polls are open.
    var count: Int { self.state.withLock { $0.all.count } }

    /// Runs `body` with a mailbox that is told what changes from now on.
    ///
    /// - Parameters:
    ///   - interest: What to be told of.
    ///   - body: Takes from the mailbox.
    /// - Returns: What `body` returns.
    func following<Value>(
        _ interest: Interest,
        _ body: (Mailbox) async throws -> Value
    ) async rethrows -> Value {
        let mailbox = Mailbox()
        let number = self.open(interest, mailbox)
        defer {
            mailbox.finish()
            self.close(number, interest)
        }
        return try await body(mailbox)
    }

    /// Tells that a key changed.
    func publish(_ place: ConfigTable.Place) {
        let mailboxes = self.state.withLock { state in
            var found = state.exact[place] ?? [:]
            for (number, watcher) in state.patterns[place.namespace] ?? [:] where watcher.interest.covers(place.key) {
                found[number] = watcher.mailbox
            }
            return Array(found.values)
        }
        for mailbox in mailboxes { mailbox.offer(.key(place.key), for: .key(place.key)) }
    }

    /// Ends the streams and polls of a namespace.
    func end(_ namespace: Namespace) {
        let mailboxes = self.state.withLock { state in
            state.exact.filter { $0.key.namespace == namespace }.flatMap(\.value.values)
                + (state.patterns[namespace]?.values.map(\.mailbox) ?? [])
        }
        for mailbox in mailboxes { mailbox.finish() }
    }

    /// Makes one part of the streams show that they live.
    func beat(part: Int) {
        let mailboxes = self.state.withLock { state in
            state.all.filter { Int($0.key % UInt64(HubEvents.parts)) == part }.map(\.value)
        }
        for mailbox in mailboxes { mailbox.offer(.beat, for: .beat) }
    }

    private func open(_ interest: Interest, _ mailbox: Mailbox) -> UInt64 {
        self.state.withLock { state in
            state.nextNumber += 1
            let number = state.nextNumber
            state.all[number] = mailbox
            for key in interest.keys {
                state.exact[ConfigTable.Place(namespace: interest.namespace, key: key), default: [:]][number] = mailbox
            }
            if !interest.prefixes.isEmpty {
                state.patterns[interest.namespace, default: [:]][number] = (interest, mailbox)
            }
            return number
        }
    }

    private func close(_ number: UInt64, _ interest: Interest) {
        self.state.withLock { state in
            state.all[number] = nil
            for key in interest.keys {
                state.exact.remove(number, at: ConfigTable.Place(namespace: interest.namespace, key: key))
            }
            state.patterns.remove(number, at: interest.namespace)
        }
    }
}
