import HTTPEngine
import Rollcall

/// Runs a server on a free port for as long as `body` runs.
func withServer<Value: Sendable>(
    configuration: HTTPServer.Configuration = HTTPServer.Configuration(),
    _ handler: @escaping HTTPServer.Handler,
    _ body: @escaping @Sendable (HTTPServer, Origin) async throws -> Value
) async throws -> Value {
    let server = try HTTPServer(host: "127.0.0.1", port: 0, configuration: configuration, handler: handler)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await server.run() }
        let value = try await body(server, Origin(host: "127.0.0.1", port: server.address.port))
        await server.shutDown(within: .seconds(5))
        return value
    }
}

/// Sends bytes as they are and returns all that comes back until the server closes or `limit` passes.
func exchangeRaw(_ text: String, with origin: Origin, limit: Duration = .seconds(5)) async throws -> String {
    let pool = ConnectionPool(loop: try EventLoops.running().next())
    let socket = try await pool.connect(to: origin)
    defer { socket.close() }
    let connection = HTTPConnection(socket)
    let deadline = pool.loop.clock.now.advanced(by: limit)
    try await socket.write(Array(text.utf8), until: deadline)
    while (try? await connection.receive(until: deadline)) == true {}
    return String(decoding: connection.takeReceived(), as: UTF8.self)
}
