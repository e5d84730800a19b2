import GRPCEngine
import HTTPEngine
import Rollcall
import Synchronization

// Calls with any number of messages, and what is to be known of the server before one is trusted.
extension EtcdClient {
    /// Whether the server that is connected to loses events of watches, or tells progress that it has not made
    /// (etcd before 3.4.31 and 3.5.13).
    ///
    /// One that does not tell its version is taken for such a one. Behind another connection may be another version.
    ///
    /// - Returns: Whether it does, and the connection of which that is known.
    func losesEvents() async -> (loses: Bool, connection: UInt64) {
        let deadline = self.clock.now.advanced(by: self.timeout)
        guard let connection = try? await self.channel.connected(until: deadline) else {
            return (true, self.channel.connectionNumber)
        }
        if let known = self.loser.withLock({ $0 }), known.connection == connection { return (known.loses, connection) }
        guard let version = try? await self.status().version, self.channel.connectionNumber == connection else {
            return (true, connection)
        }
        return (self.note(version: version, of: connection), connection)
    }

    /// Takes note of the version of the server behind a connection.
    ///
    /// - Returns: Whether it loses events, or did not answer for its watches.
    @discardableResult
    func note(version: String, of connection: UInt64) -> Bool {
        self.loser.withLock { loser in
            if let loser, loser.connection == connection { return loser.loses }
            let loses = EtcdVersion(version).losesEvents
            loser = (connection, loses)
            return loses
        }
    }

    /// Takes note that the server behind a connection does not say how far its watches have come.
    func noteMuteness(of connection: UInt64) {
        self.loser.withLock { $0 = (connection, true) }
    }

    /// Whether the server that was asked last loses events.
    var isKnownToLoseEvents: Bool { self.loser.withLock { $0?.loses ?? false } }

    /// Makes a call with messages each way, which ends with `body`.
    func withStream(
        _ method: String,
        _ operation: String,
        key: String?,
        lifetime: Duration? = nil,
        _ body: (GRPCStream) async throws(GRPCError) -> Void
    ) async throws(BackendError) {
        var isSecond = false
        while true {
            let start = self.clock.now
            let deadline = start.advanced(by: self.timeout)
            let token = try await self.currentToken(until: deadline)
            let connection = self.channel.connectionNumber
            do throws(GRPCError) {
                return try await self.channel.withStream(
                    "/etcdserverpb.\(method)",
                    metadata: Self.metadata(token, needsLeader: true),
                    until: deadline,
                    lifetime: lifetime,
                    body
                )
            } catch {
                // A token that was good for a while has run out since; a new one is refused at once, if at all.
                if start.duration(to: self.clock.now) > self.timeout { isSecond = false }
                if EtcdFault.asksForNewToken(error), self.credentials != nil, !isSecond {
                    isSecond = true
                    self.forget(token)
                    continue
                }
                throw self.backendError(error, on: connection, operation, key, isRead: true)
            }
        }
    }
}
