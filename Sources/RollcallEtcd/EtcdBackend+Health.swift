import GRPCEngine
public import Rollcall

extension EtcdBackend {
    /// See ``Backend/health()``.
    ///
    /// Asks the member that is connected to, and reads and writes nothing.
    public func health() async -> BackendHealth {
        let (start, connection) = (self.clock.now, self.channel.connectionNumber)
        do throws(BackendError) {
            let status = try await self.client.status()
            let latency = start.duration(to: self.clock.now)
            if self.channel.connectionNumber == connection { self.client.note(version: status.version, of: connection) }
            let members = try? await self.client.members()
            let leader = members?.first { $0.id == status.leader }.map { $0.name.isEmpty ? nil : $0.name } ?? nil
            let hasLeader = status.leader != 0
            let isFull = status.errors.contains { $0.contains("NOSPACE") }
            let isCorrupt = status.errors.contains { $0.contains("CORRUPT") }
            return BackendHealth(
                isReachable: true,
                latency: latency,
                leader: hasLeader ? leader ?? String(status.leader, radix: 16) : nil,
                memberCount: members?.count,
                serverVersion: status.version,
                canRead: hasLeader && !isCorrupt,
                canWrite: hasLeader && !isFull && !isCorrupt,
                error: hasLeader && !isFull && !isCorrupt ? nil : .unavailable,
                message: hasLeader
                    ? (status.errors.isEmpty ? nil : status.errors.joined(separator: "; "))
                    : "the cluster has no leader"
            )
        } catch {
            return BackendHealth(unreachable: error)
        }
    }
}
