import HTTPEngine
import Rollcall
import Synchronization

/// The open streams of one event loop, which are told of a change one after the other by one task on that loop.
///
/// To wake the task of each would cost more than to send.
final class HubLane: Sendable {
    private enum Topic: Hashable, Sendable {
        case service(RegistryTable.Place)
        case beat(Int)
    }

    private enum News: Sendable {
        case change(ServiceName, RegistryTable.Place, HubFeed.ServiceChange)
        case beat(Int)
    }

    private struct State {
        var watchers = Watchers<HubOutlet>()
        var all: [UInt64: HubOutlet] = [:]
    }

    /// How many streams are told before the loop looks at its other sockets again.
    private static let turn = 128
    /// The most bytes of events that wait in one; beyond that streams are sent a snapshot.
    private static let longestBacklog = 16384

    private let state = Mutex(State())
    private let mailbox = KeyedMailbox<Topic, News> { new, old in
        guard case .change(let service, let place, let later) = new, case .change(_, _, let former) = old else {
            return new
        }
        return .change(service, place, former.followed(by: later, limit: HubLane.longestBacklog))
    }

    /// Adds a stream.
    func insert(_ outlet: HubOutlet, _ interest: WatchInterest) {
        self.state.withLock { state in
            state.all[interest.number] = outlet
            state.watchers.insert(outlet, interest)
        }
    }

    /// Takes a stream out.
    func remove(_ interest: WatchInterest) {
        self.state.withLock { state in
            state.all[interest.number] = nil
            state.watchers.remove(interest)
        }
    }

    /// Whether any of the streams watches a service.
    func watches(_ place: RegistryTable.Place) -> Bool { self.state.withLock { $0.watchers.contains(place) } }

    /// Ends the streams of a namespace.
    func end(_ namespace: Namespace) {
        for outlet in self.state.withLock({ $0.watchers.members(in: namespace) }) { outlet.mailbox.finish() }
    }

    /// Has the streams told of a change.
    func offer(_ change: HubFeed.ServiceChange, at place: RegistryTable.Place) {
        self.mailbox.offer(.change(place.service, place, change), for: .service(place))
    }

    /// Has one part of the streams show that they live.
    func beat(part: Int) {
        self.mailbox.offer(.beat(part), for: .beat(part))
    }

    /// Tells the streams until the task is cancelled.
    func run() async {
        let beat = StreamPiece(HubEvents.heartbeat)
        var turn = 0
        while let news = try? await self.mailbox.next() {
            switch news {
            case .change(let service, let place, let change):
                let piece = change.event.map { StreamPiece($0) }
                let outlets = self.state.withLock { $0.watchers.members(of: place) }
                await Self.each(outlets, &turn) { $0.tell(change, of: service, piece) }
            case .beat(let part):
                let outlets = self.state.withLock { state in
                    state.all.filter { Int($0.key % UInt64(HubEvents.parts)) == part }.map(\.value)
                }
                await Self.each(outlets, &turn) { $0.beat(beat) }
            }
        }
    }

    /// Acts on streams, and lets the loop look at its other sockets now and then.
    ///
    /// - Parameters:
    ///   - outlets: The streams.
    ///   - turn: How many were acted on since the loop last did that, over many calls: changes may come without end.
    ///   - action: What to do.
    private static func each(_ outlets: [HubOutlet], _ turn: inout Int, _ action: (HubOutlet) -> Void) async {
        for outlet in outlets {
            action(outlet)
            turn += 1
            guard turn >= Self.turn else { continue }
            turn = 0
            await Task.yield()
        }
    }
}

extension HubFeed.ServiceChange {
    /// Both changes in one, for those that have neither: one event behind the other.
    ///
    /// - Parameters:
    ///   - later: What came next.
    ///   - limit: The most bytes; beyond it there is no event, and a snapshot tells the state.
    /// - Returns: The change from before the first to after the last.
    func followed(by later: Self, limit: Int) -> Self {
        var whole = Self(from: self.from, to: later.to, isGone: later.isGone, event: nil)
        // Who comes back after the last one left is told by a snapshot, as streams forget services that are gone.
        if self.to == later.from, !self.isGone, let first = self.event, let second = later.event,
            first.count + second.count <= limit
        {
            whole.event = first + second
        }
        return whole
    }
}
