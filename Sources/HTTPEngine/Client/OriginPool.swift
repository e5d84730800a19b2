package import Rollcall
import Synchronization

/// Connections of one loop to one origin that rest between requests: for whoever sends many requests to few origins.
package final class OriginPool: Sendable {
    private struct Resting {
        let socket: Socket
        let since: TimeSource.Instant
    }

    /// How long a connection may rest before it is not trusted any more: below the usual limits of servers.
    private static let trust = Duration.seconds(30)

    /// Where the connections go.
    package let origin: Origin
    private let loop: EventLoop
    private let maximumResting: Int
    private let resting = Mutex<[Resting]>([])

    /// Creates an empty pool.
    ///
    /// - Parameters:
    ///   - origin: Where the connections go.
    ///   - loop: What watches them.
    ///   - maximumResting: The most that are kept while nobody uses them.
    package init(origin: Origin, loop: EventLoop, maximumResting: Int = 256) {
        self.origin = origin
        self.loop = loop
        self.maximumResting = maximumResting
    }

    deinit {
        self.closeResting()
    }

    /// The number of connections that rest.
    package var restingCount: Int { self.resting.withLock { $0.count } }

    /// Takes a connection that rests, the one that was used last.
    ///
    /// - Parameter now: The present moment.
    /// - Returns: The connection, or `nil` when none rests.
    package func takeResting(at now: TimeSource.Instant) -> Socket? {
        while let entry = self.resting.withLock({ $0.popLast() }) {
            // What came while it rested answers no request, and must not be taken for the answer of the next one.
            if !entry.socket.isHungUp, !entry.socket.hasUnread, entry.since.duration(to: now) < Self.trust {
                return entry.socket
            }
            entry.socket.close()
        }
        return nil
    }

    /// Makes a connection.
    ///
    /// - Throws: `refused`, `timeout`, or `closed` in a cancelled task.
    package func connect(until deadline: TimeSource.Instant) async throws(ConnectionError) -> Socket {
        let socket = try await Connector.connect(to: self.origin, on: self.loop, until: deadline)
        // A server that closes it while it rests must not find it open here until somebody wants it.
        socket.onHangup { [weak self, weak socket] in
            guard let self, let socket else { return }
            self.drop(socket)
        }
        return socket
    }

    /// Puts a connection to rest on which nothing is under way.
    ///
    /// - Parameters:
    ///   - socket: One that ``connect(until:)`` made.
    ///   - now: The present moment.
    package func putToRest(_ socket: Socket, at now: TimeSource.Instant) {
        let isKept =
            !socket.isHungUp
            && self.resting.withLock { resting in
                guard resting.count < self.maximumResting else { return false }
                resting.append(Resting(socket: socket, since: now))
                return true
            }
        if !isKept { socket.close() }
    }

    /// Closes what rests.
    package func closeResting() {
        for entry in self.resting.withLock({ resting in
            defer { resting = [] }
            return resting
        }) { entry.socket.close() }
    }

    /// Closes what rested for too long.
    package func closeOld(at now: TimeSource.Instant) {
        let old = self.resting.withLock { resting in
            // Those that were put to rest last are at the end, and are used first.
            let count = resting.prefix { $0.since.duration(to: now) >= Self.trust }.count
            defer { resting.removeFirst(count) }
            return Array(resting.prefix(count))
        }
        for entry in old { entry.socket.close() }
    }

    /// Closes a resting connection that its server closed, unless somebody has just taken it.
    private func drop(_ socket: Socket) {
        let wasResting = self.resting.withLock { resting in
            guard let index = resting.lastIndex(where: { $0.socket === socket }) else { return false }
            resting.remove(at: index)
            return true
        }
        if wasResting { socket.close() }
    }
}
