package import Rollcall
import Synchronization

/// Connections of one loop that rest between requests, by origin.
package final class ConnectionPool: Sendable {
    private struct Resting {
        let socket: Socket
        let since: TimeSource.Instant
    }

    private struct State {
        var resting: [Origin: [Resting]] = [:]
        /// When all origins were last looked through for what rested too long.
        var swept: TimeSource.Instant

        /// Takes out what came to rest before a moment, wherever it went.
        mutating func takeOld(before moment: TimeSource.Instant) -> [Socket] {
            var old: [Socket] = []
            for (origin, entries) in self.resting {
                // Those that were put to rest last are at the end, and are used first.
                let count = entries.prefix { $0.since <= moment }.count
                guard count > 0 || entries.isEmpty else { continue }
                old += entries.prefix(count).map(\.socket)
                self.resting[origin] = count < entries.count ? Array(entries.dropFirst(count)) : nil
            }
            return old
        }
    }

    /// The loop that watches the connections.
    package let loop: EventLoop
    private let connectTimeout: Duration
    private let maximumResting: Int
    private let permits: @Sendable (SocketAddress) -> Bool
    private let trust: Duration
    private let state: Mutex<State>

    /// Creates an empty pool.
    ///
    /// - Parameters:
    ///   - loop: What watches the connections.
    ///   - connectTimeout: How long a connection may take to be made.
    ///   - maximumResting: The most connections to one origin that are kept while nobody uses them.
    ///   - trust: How long a connection may rest before it is closed; the default is below the usual limits of servers.
    ///   - permits: Whether an address may be connected to, once a name was resolved.
    package init(
        loop: EventLoop,
        connectTimeout: Duration = .seconds(2),
        maximumResting: Int = 256,
        trust: Duration = .seconds(30),
        permits: @escaping @Sendable (SocketAddress) -> Bool = { _ in true }
    ) {
        self.loop = loop
        self.connectTimeout = connectTimeout
        self.maximumResting = maximumResting
        self.trust = trust
        self.permits = permits
        self.state = Mutex(State(swept: loop.clock.now))
    }

    deinit {
        self.closeResting()
    }

    /// Closes what rests.
    package func closeResting() {
        let sockets = self.state.withLock { state in
            defer { state.resting = [:] }
            return state.resting.values.flatMap { $0.map(\.socket) }
        }
        for socket in sockets { socket.close() }
    }

    /// Takes a connection that rests.
    package func takeResting(to origin: Origin) -> Socket? {
        let now = self.loop.clock.now
        while let entry = self.state.withLock({ $0.resting[origin]?.popLast() }) {
            entry.socket.onHangup(nil)
            // What came while it rested answers no request, and must not be taken for the answer of the next one.
            if !entry.socket.isHungUp, !entry.socket.hasUnread, entry.since.duration(to: now) < self.trust {
                return entry.socket
            }
            entry.socket.close()
        }
        return nil
    }

    /// Makes a connection.
    ///
    /// - Parameters:
    ///   - origin: Where it goes.
    ///   - deadline: When to give up at the latest, if that is before the pool would.
    /// - Returns: The connection.
    /// - Throws: `refused`, `timeout`, or `closed` in a cancelled task.
    package func connect(
        to origin: Origin,
        until deadline: TimeSource.Instant? = nil
    ) async throws(ConnectionError) -> Socket {
        let limit = self.loop.clock.now.advanced(by: self.connectTimeout)
        return try await Connector.connect(
            to: origin,
            on: self.loop,
            until: deadline.map { min($0, limit) } ?? limit,
            where: self.permits
        )
    }

    /// Puts a connection to rest on which nothing is under way.
    package func putToRest(_ socket: Socket, to origin: Origin) {
        guard !socket.isHungUp else { return socket.close() }
        let now = self.loop.clock.now
        let (isKept, old) = self.state.withLock { state -> (Bool, [Socket]) in
            var old: [Socket] = []
            if state.swept.duration(to: now) >= self.trust {
                old = state.takeOld(before: now.advanced(by: .zero - self.trust))
                state.swept = now
            }
            guard state.resting[origin, default: []].count < self.maximumResting else { return (false, old) }
            state.resting[origin, default: []].append(Resting(socket: socket, since: now))
            return (true, old)
        }
        for socket in old { socket.close() }
        guard isKept else { return socket.close() }
        // A server that closes it must not find it open here until somebody wants it.
        socket.onHangup { [weak self, weak socket] in
            guard let self, let socket else { return }
            self.drop(socket, to: origin)
        }
    }

    /// Closes a resting connection that its server closed, unless somebody has just taken it.
    private func drop(_ socket: Socket, to origin: Origin) {
        let wasResting = self.state.withLock { state in
            guard let index = state.resting[origin]?.firstIndex(where: { $0.socket === socket }) else { return false }
            state.resting[origin]?.remove(at: index)
            if state.resting[origin]?.isEmpty == true { state.resting[origin] = nil }
            return true
        }
        if wasResting { socket.close() }
    }
}
