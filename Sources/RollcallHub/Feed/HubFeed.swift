import HTTPEngine
import Rollcall
import Synchronization

/// Tells open streams what changes: of each service the latest, however slow a stream is.
final class HubFeed: Sendable {
    /// What a stream is told about.
    enum Topic: Hashable, Sendable {
        case service(ServiceName)
        case names
        case beat
        case rest
    }

    /// What it is told.
    enum News: Sendable {
        case change(ServiceName, ServiceChange)
        case names
        case beat
        /// Others began to send something, and the connection did not take all of it.
        case rest
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

    /// A place in the feed; ``HubFeed/close(_:)`` must follow.
    struct Subscription: Sendable {
        let mailbox: Mailbox
        fileprivate let interest: WatchInterest
        fileprivate let lane: HubLane?
    }

    private struct State {
        var nextNumber: UInt64 = 0
        var count = 0
        var watchers = Watchers<Mailbox>()
        var names: [Namespace: [UInt64: Mailbox]] = [:]
        var listeners: [Listener] = []

        mutating func takeInterest(_ namespace: Namespace, _ patterns: [ServicePattern]) -> WatchInterest {
            self.nextNumber += 1
            self.count += 1
            return WatchInterest(number: self.nextNumber, namespace: namespace, patterns: patterns)
        }
    }

    private let epoch: String
    private let state = Mutex(State())
    /// One for each event loop.
    let lanes: [HubLane]

    /// Creates a feed without streams.
    ///
    /// - Parameters:
    ///   - epoch: What the ids of events begin with.
    ///   - lanes: How many event loops have streams; each of ``lanes`` must run.
    init(epoch: String, lanes: Int = EventLoops.usualCount) {
        self.epoch = epoch
        self.lanes = (0..<lanes).map { _ in HubLane() }
    }

    /// How many streams and polls are open.
    var count: Int { self.state.withLock { $0.count } }

    /// A mailbox in which a later change makes what was to be told of the former one a snapshot.
    static func makeMailbox() -> Mailbox {
        Mailbox { new, _ in
            guard case .change(let service, var change) = new else { return new }
            // The former was never taken: what this one starts at is not what the stream holds.
            change.event = nil
            return .change(service, change)
        }
    }

    /// Opens a place for somebody who takes what there is from a mailbox.
    func open(_ namespace: Namespace, _ patterns: [ServicePattern]) -> Subscription {
        self.state.withLock { state in
            let interest = state.takeInterest(namespace, patterns)
            let subscription = Subscription(mailbox: Self.makeMailbox(), interest: interest, lane: nil)
            state.watchers.insert(subscription.mailbox, interest)
            return subscription
        }
    }

    /// Opens a stream.
    ///
    /// - Parameters:
    ///   - namespace: Where.
    ///   - patterns: Which services.
    ///   - wantsNames: Whether it wants to be told when services come or go.
    ///   - outlet: What is told.
    ///   - loop: The number of the loop on which its task runs.
    /// - Returns: The stream's place.
    func open(
        _ namespace: Namespace,
        _ patterns: [ServicePattern],
        wantsNames: Bool,
        outlet: HubOutlet,
        loop: Int
    ) -> Subscription {
        let lane = self.lanes[loop % self.lanes.count]
        let interest = self.state.withLock { state in
            let interest = state.takeInterest(namespace, patterns)
            if wantsNames { state.names[namespace, default: [:]][interest.number] = outlet.mailbox }
            return interest
        }
        lane.insert(outlet, interest)
        return Subscription(mailbox: outlet.mailbox, interest: interest, lane: lane)
    }

    /// Calls `listener` after each change; it must not block, nor call the store.
    func addListener(_ listener: @escaping Listener) {
        self.state.withLock { $0.listeners.append(listener) }
    }

    /// Closes a stream.
    func close(_ subscription: Subscription) {
        subscription.mailbox.finish()
        let interest = subscription.interest
        subscription.lane?.remove(interest)
        self.state.withLock { state in
            state.count -= 1
            if subscription.lane == nil { state.watchers.remove(interest) }
            state.names.remove(interest.number, at: interest.namespace)
        }
    }

    /// Tells a change to all who watch the service.
    ///
    /// - Parameters:
    ///   - change: What changed.
    ///   - table: What there is now.
    func publish(_ change: RegistryTable.Change, _ table: RegistryTable) {
        for listener in self.state.withLock({ $0.listeners }) { listener(change, table) }
        if change.changesNames { self.publishNames(in: change.place.namespace) }
        let isGone = change.changesNames && change.upserted.isEmpty
        self.publish(from: change.from, to: change.to, isGone: isGone, at: change.place) {
            HubEvents.delta(change, table, epoch: self.epoch)
        }
    }

    /// Tells a change to all who watch the service.
    ///
    /// - Parameters:
    ///   - from: The service's revision before.
    ///   - to: The service's revision after.
    ///   - isGone: Whether the service has no instance any more.
    ///   - place: The service.
    ///   - event: Encodes the change; not called when nobody watches.
    func publish(from: UInt64, to: UInt64, isGone: Bool, at place: RegistryTable.Place, event: () -> [UInt8]) {
        let readers = self.state.withLock { $0.watchers.members(of: place) }
        let lanes = self.lanes.filter { $0.watches(place) }
        guard !readers.isEmpty || !lanes.isEmpty else { return }
        let news = ServiceChange(from: from, to: to, isGone: isGone, event: event())
        for mailbox in readers { mailbox.offer(.change(place.service, news), for: .service(place.service)) }
        for lane in lanes { lane.offer(news, at: place) }
    }

    /// Tells all who want to know which services there are that others are there now.
    func publishNames(in namespace: Namespace) {
        let mailboxes = self.state.withLock { $0.names[namespace].map { Array($0.values) } ?? [] }
        for mailbox in mailboxes { mailbox.offer(.names, for: .names) }
    }

    /// Ends the streams and polls of a namespace.
    func end(_ namespace: Namespace) {
        let readers = self.state.withLock { state in
            state.watchers.members(in: namespace) + (state.names[namespace].map { Array($0.values) } ?? [])
        }
        for mailbox in readers { mailbox.finish() }
        for lane in self.lanes { lane.end(namespace) }
    }

    /// Makes one part of the streams show that they live.
    func beat(part: Int) {
        for lane in self.lanes { lane.beat(part: part) }
    }
}
