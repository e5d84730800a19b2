import HTTPEngine
import Rollcall
import Synchronization

/// An open stream as those see it who tell it of changes: what its client has, and whether it can be sent to at once.
///
/// Its own task sends all that takes more than one write, such as snapshots and what a slow client did not take. While
/// that task waits, changes go to the connection without waking it.
final class HubOutlet: Sendable {
    private struct State {
        var held: HeldRevisions
        /// Where to send while the stream's task waits.
        var sink: StreamSink?
        /// What of the last piece must be sent before anything else.
        var rest: [UInt8] = []

        /// Sends a piece if that is possible at once.
        mutating func send(_ piece: StreamPiece) -> Bool {
            guard let sink = self.sink, self.rest.isEmpty else { return false }
            // What breaks the connection is for the task to find: it sends the same again.
            switch try? sink.sendNow(piece) {
            case .sent: return true
            case .partial(let rest):
                self.rest = rest
                return true
            case .blocked, nil: return false
            }
        }
    }

    /// What the stream's task is to send.
    let mailbox: HubFeed.Mailbox
    private let state: Mutex<State>

    init(_ held: HeldRevisions) {
        self.state = Mutex(State(held: held))
        self.mailbox = HubFeed.makeMailbox()
    }

    /// Tells a change: sends it if the client has what it starts from, else has the task see to it.
    ///
    /// - Parameters:
    ///   - change: What changed.
    ///   - service: Of which service.
    ///   - piece: The change's event.
    func tell(_ change: HubFeed.ServiceChange, of service: ServiceName, _ piece: StreamPiece?) {
        let (isDone, isPartial) = self.state.withLock { state in
            switch state.held.step(to: change, of: service) {
            case .snapshot: return (false, false)
            case .event:
                guard let piece, state.send(piece) else { return (false, false) }
            case .nothing: break
            }
            state.held.note(change, of: service)
            return (true, !state.rest.isEmpty)
        }
        if !isDone { self.mailbox.offer(.change(service, change), for: .service(service)) }
        if isPartial { self.mailbox.offer(.rest, for: .rest) }
    }

    /// Shows that the stream lives.
    func beat(_ piece: StreamPiece) {
        let (isDone, isPartial) = self.state.withLock { state in (state.send(piece), !state.rest.isEmpty) }
        if !isDone { self.mailbox.offer(.beat, for: .beat) }
        if isPartial { self.mailbox.offer(.rest, for: .rest) }
    }

    /// What the stream's task is to send for a change.
    func step(to change: HubFeed.ServiceChange, of service: ServiceName) -> HeldRevisions.Step {
        self.state.withLock { $0.held.step(to: change, of: service) }
    }

    /// Takes note that the stream's task sends a change, or that it need not.
    func note(_ change: HubFeed.ServiceChange, of service: ServiceName) {
        self.state.withLock { $0.held.note(change, of: service) }
    }

    /// Takes note that the client is sent a snapshot.
    ///
    /// - Returns: False if it has that revision.
    func take(revision: UInt64, of service: ServiceName) -> Bool {
        self.state.withLock { $0.held.take(revision, of: service) }
    }

    /// Waits for news; changes may be sent by others meanwhile.
    ///
    /// - Parameter exchange: The stream, of which all is sent that was to be.
    /// - Returns: What the task is to send, or `nil` at the end.
    /// - Throws: `cancelled`, or a ``ConnectionError`` when the client does not take what others began to send.
    func next(_ exchange: HTTPExchange) async throws -> HubFeed.News? {
        let sink = exchange.sink
        // Most streams wait most of the time, and what they are told meanwhile does not pass through the exchange.
        exchange.shrink()
        self.state.withLock { $0.sink = sink }
        let news: HubFeed.News?
        do {
            news = try await self.mailbox.next()
        } catch {
            _ = self.takeBack()
            throw error
        }
        let rest = self.takeBack()
        if !rest.isEmpty { try await exchange.send(rest: rest) }
        return news
    }

    private func takeBack() -> [UInt8] {
        self.state.withLock { state in
            state.sink = nil
            defer { state.rest = [] }
            return state.rest
        }
    }
}
