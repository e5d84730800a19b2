import Rollcall
import RollcallService
import Synchronization
import Testing

/// Stands for what a service serves with.
final class Listener: Sendable {
    private let ended = AsyncStream.makeStream(of: Void.self)
    private let events = Mutex<[String]>([])

    /// What happened, in order.
    var calls: [String] { self.events.withLock { $0 } }

    func bind() async throws -> Int {
        self.events.withLock { $0.append("bind") }
        return 20099
    }

    func acceptUntilClosed() async throws {
        for await _ in self.ended.stream {}
    }

    func close(within limit: Duration) async {
        self.events.withLock { $0.append("close") }
        self.ended.continuation.finish()
    }
}

// The types of the articles.

struct GreeterServer: ServiceServer {
    let listener: Listener

    func listen() async throws -> [Endpoint] {
        let port = try await self.listener.bind()
        return [try Endpoint(scheme: "tcp", host: "127.0.0.1", port: port)]
    }

    func serve() async throws {
        try await self.listener.acceptUntilClosed()
    }

    func stop(within limit: Duration) async throws {
        await self.listener.close(within: limit)
    }
}

struct StickyBalancer: Balancer {
    struct Table: BalancerTable {
        let count: UInt64

        func pick(_ request: PickRequest) -> Int {
            let sum = (request.key ?? "").utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }
            return Int(sum % self.count)
        }
    }

    func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
        Table(count: UInt64(pool.instances.count))
    }
}
