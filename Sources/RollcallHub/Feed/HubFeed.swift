import Rollcall
import Synchronization

/// Tells open streams what changes: of each service the latest, however slow a stream is.
final class HubFeed: Sendable {
    /// What a stream is told about.
    enum Topic: Hashable, Sendable {
        case service(ServiceName)
        case names
        case beat
    }

    /// What it is told.
    enum News: Sendable {
        case change(ServiceName, ServiceChange)
        case names
        case beat
    }

    /// A change of one service, encoded once for all who watch it.
    struct ServiceChange: Sendable {
        /// The service's revision before.
        let from: UInt64
        /// The service's revision after.
        let to: UInt64
        /// Whether the service has no instance any more.
        let isGone: Bool
        /// The event, for a stream that holds ``from``; `nil` when changes in between were dropped.
        var event: [UInt8]?
    }

    typealias Mailbox = KeyedMailbox<Topic, News>
    /// Is told each change and what there is after it.
    typealias Listener = @Sendable (RegistryTable.Change, RegistryTable) -> Void

    /// A stream's place in the feed; ``HubFeed/close(_:)`` must follow.
    struct Subscription: Sendable {
        let number: UInt64
        let mailbox: Mailbox
        fileprivate let namespace: Namespace
        fileprivate let patterns: [ServicePattern]
        fileprivate let wantsNames: Bool
    }

    private struct State {
        var nextNumber: UInt64 = 0
        var exact: [RegistryTable.Place: [UInt64: Mailbox]] = [:]
        var patterns: [Namespace: [UInt64: Subscription]] = [:]
        var names: [Namespace: [UInt64: Mailbox]] = [:]
        var all: [UInt64: Mailbox] = [:]
        var listeners: [Listener] = []
    }

    private let epoch: String
    private let state = Mutex(State())

    /// Creates a feed without streams.
    ///
    /// - Parameter epoch: What the ids of events begin with.
    init(epoch: String) {
        self.epoch = epoch
    }

    /// How many streams are open.
    var count: Int { self.state.withLock { $0.all.count } }

    /// Opens a stream.
    ///
    /// - Parameters:
    ///   - namespace: Where.
    ///   - patterns: Which services.
    ///   - wantsNames: Whether it wants to be told when services come or go.
    /// - Returns: The stream's place.
    func open(_ namespace: Namespace, _ patterns: [ServicePattern], wantsNames: Bool = false) -> Subscription {
        let mailbox = Mailbox { new, _ in
            guard case .change(let service, var change) = new else { return new }
            // The former was never taken: what this one starts at is not what the stream holds.
            change.event = nil
            return .change(service, change)
        }
        return self.state.withLock { state in
            state.nextNumber += 1
            let number = state.nextNumber
            let subscription = Subscription(
                number: number,
                mailbox: mailbox,
                namespace: namespace,
                patterns: patterns,
                wantsNames: wantsNames
            )
            state.all[number] = mailbox
            if wantsNames { state.names[namespace, default: [:]][number] = mailbox }
            for pattern in patterns {
                if let service = pattern.service {
                    let place = RegistryTable.Place(namespace: namespace, service: service)
                    state.exact[place, default: [:]][number] = mailbox
                } else {
                    state.patterns[namespace, default: [:]][number] = subscription
                }
            }
            return subscription
        }
    }

    /// Calls `listener` after each change; it must not block, nor call the store.
    func addListener(_ listener: @escaping Listener) {
        self.state.withLock { $0.listeners.append(listener) }
    }

    /// Closes a stream.
    func close(_ subscription: Subscription) {
        subscription.mailbox.finish()
        let number = subscription.number
        self.state.withLock { state in
            state.all[number] = nil
            Self.remove(number, subscription.namespace, from: &state.names)
            for pattern in subscription.patterns {
                if let service = pattern.service {
                    let place = RegistryTable.Place(namespace: subscription.namespace, service: service)
                    Self.remove(number, place, from: &state.exact)
                } else {
                    Self.remove(number, subscription.namespace, from: &state.patterns)
                }
            }
        }
    }

    /// Tells a change to all who watch the service.
    ///
    /// - Parameters:
    ///   - change: What changed.
    ///   - table: What there is now.
    func publish(_ change: RegistryTable.Change, _ table: RegistryTable) {
        let place = change.place
        let (readers, names, listeners) = self.state.withLock { state in
            var readers = state.exact[place].map { Array($0.values) } ?? []
            for (number, subscription) in state.patterns[place.namespace] ?? [:]
            where state.exact[place]?[number] == nil {
                guard subscription.patterns.contains(where: { $0.matches(place.service) }) else { continue }
                readers.append(subscription.mailbox)
            }
            let names = change.changesNames ? state.names[place.namespace].map { Array($0.values) } ?? [] : []
            return (readers, names, state.listeners)
        }
        for listener in listeners { listener(change, table) }
        for mailbox in names { mailbox.offer(.names, for: .names) }
        guard !readers.isEmpty else { return }
        let event = HubEvents.delta(change, table, epoch: self.epoch)
        let news = News.change(
            place.service,
            ServiceChange(
                from: change.from,
                to: change.to,
                isGone: change.changesNames && change.upserted.isEmpty,
                event: event
            )
        )
        for mailbox in readers { mailbox.offer(news, for: .service(place.service)) }
    }

    /// Makes every stream show that it lives.
    func beat() {
        for mailbox in self.state.withLock({ Array($0.all.values) }) { mailbox.offer(.beat, for: .beat) }
    }

    private static func remove<Key, Value>(_ number: UInt64, _ key: Key, from table: inout [Key: [UInt64: Value]]) {
        table[key]?[number] = nil
        if table[key]?.isEmpty == true { table[key] = nil }
    }
}
