import HTTPEngine
import Rollcall
import RollcallConsul
import RollcallTesting

/// Runs a server that answers whatever a test wants, and a driver that takes it for Consul.
func withFakeConsul<Value: Sendable>(
    _ configuration: ConsulBackend.Configuration = .init(),
    before: [String] = [],
    _ handler: @escaping HTTPServer.Handler,
    _ body: @escaping @Sendable (ConsulBackend) async throws -> Value
) async throws -> Value {
    let server = try HTTPServer(host: "127.0.0.1", port: 0, handler: handler)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await server.run() }
        defer { group.cancelAll() }
        let addresses = (before + ["127.0.0.1:\(server.address.port)"]).joined(separator: ",")
        return try await body(try ConsulBackend(url: "consul://\(addresses)", configuration: configuration))
    }
}

extension HTTPExchange {
    /// Answers with JSON and an index.
    func answer(_ json: String, index: UInt64? = nil, status: Int = 200) {
        let headers = index.map { [Problem.Header("X-Consul-Index", "\($0)")] } ?? []
        self.respond(status, "application/json", headers: headers, body: Array(json.utf8))
    }

    /// The parameters of the request.
    var parameters: Query? { try? Query(self.head.query) }

    /// Keeps the request waiting until the client gives up.
    func keepWaiting() async {
        let end = Signal()
        await self.whileOpen(end: { end.raise() }) { await end.wait() }
    }
}

/// Runs `background` for as long as `body` runs.
func alongside<Value>(
    _ background: @escaping @Sendable () async -> Void,
    _ body: () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await background() }
        defer { group.cancelAll() }
        return try await body()
    }
}
