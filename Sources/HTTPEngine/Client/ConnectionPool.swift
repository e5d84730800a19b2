import Rollcall
import Synchronization

/// Connections of one loop that rest between requests, by origin.
package final class ConnectionPool: Sendable {
    private struct Resting {
        let socket: Socket
        let since: TimeSource.Instant
    }

    /// How long a connection may rest before it is not trusted any more: below the usual limits of servers.
    private static let trust = Duration.seconds(30)

    /// The loop that watches the connections.
    package let loop: EventLoop
    private let connectTimeout: Duration
    private let maximumResting: Int
    private let permits: @Sendable (SocketAddress) -> Bool
    private let resting = Mutex<[Origin: [Resting]]>([:])

    /// Creates an empty pool.
    ///
    /// - Parameters:
    ///   - loop: What watches the connections.
    ///   - connectTimeout: How long a connection may take to be made.
    ///   - maximumResting: The most connections to one origin that are kept while nobody uses them.
    ///   - permits: Whether an address may be connected to, once a name was resolved.
    package init(
        loop: EventLoop,
        connectTimeout: Duration = .seconds(2),
        maximumResting: Int = 256,
        permits: @escaping @Sendable (SocketAddress) -> Bool = { _ in true }
    ) {
        self.loop = loop
        self.connectTimeout = connectTimeout
        self.maximumResting = maximumResting
        self.permits = permits
    }

    deinit {
        self.closeResting()
    }

    /// Closes what rests.
    package func closeResting() {
        let sockets = self.resting.withLock { resting in
            defer { resting = [:] }
            return resting.values.flatMap { $0.map(\.socket) }
        }
        for socket in sockets { socket.close() }
    }

    /// Takes a connection that rests.
    package func takeResting(to origin: Origin) -> Socket? {
        let now = self.loop.clock.now
        while let entry = self.resting.withLock({ $0[origin]?.popLast() }) {
            entry.socket.onHangup(nil)
            if !entry.socket.isHungUp, entry.since.duration(to: now) < Self.trust { return entry.socket }
            entry.socket.close()
        }
        return nil
    }

    /// Makes a connection.
    ///
    /// - Throws: `refused`, `timeout`, or `closed` in a cancelled task.
    package func connect(to origin: Origin) async throws(ConnectionError) -> Socket {
        let deadline = self.loop.clock.now.advanced(by: self.connectTimeout)
        return try await Connector.connect(to: origin, on: self.loop, until: deadline, where: self.permits)
    }

    /// Puts a connection to rest on which nothing is under way.
    package func putToRest(_ socket: Socket, to origin: Origin) {
        guard !socket.isHungUp else { return socket.close() }
        let entry = Resting(socket: socket, since: self.loop.clock.now)
        let isKept = self.resting.withLock { resting in
            guard resting[origin, default: []].count < self.maximumResting else { return false }
            resting[origin, default: []].append(entry)
            return true
        }
        guard isKept else { return socket.close() }
        // A server that closes it must not find it open here until somebody wants it.
        socket.onHangup { [weak self, weak socket] in
            guard let self, let socket else { return }
            self.drop(socket, to: origin)
        }
    }

    /// Closes a resting connection that its server closed, unless somebody has just taken it.
    private func drop(_ socket: Socket, to origin: Origin) {
        let wasResting = self.resting.withLock { resting in
            guard let index = resting[origin]?.firstIndex(where: { $0.socket === socket }) else { return false }
            resting[origin]?.remove(at: index)
            if resting[origin]?.isEmpty == true { resting[origin] = nil }
            return true
        }
        if wasResting { socket.close() }
    }
}
