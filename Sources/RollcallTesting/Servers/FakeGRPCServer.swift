import HTTPEngine
package import Rollcall
import Synchronization

/// A server of gRPC that says whatever a test wants: what no real server does, and what one does only now and then.
package final class FakeGRPCServer: Sendable {
    /// What it does with a message.
    package typealias Handler = @Sendable (Call) -> Void

    private let listener: TCPListener
    private let handler: Handler
    private let connections = Mutex<[FakeGRPCConnection]>([])

    /// Listens on a free port of 127.0.0.1.
    ///
    /// - Parameter handler: Called with each message that comes, in the order of its connection.
    /// - Throws: A `SystemError`.
    package init(handler: @escaping Handler) throws(SystemError) {
        self.listener = try TCPListener(host: "127.0.0.1", port: 0)
        self.handler = handler
    }

    /// Runs one for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - handler: Called with each message that comes, in the order of its connection.
    ///   - body: What uses it.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    package static func withServer<Value>(
        handler: @escaping Handler,
        _ body: (FakeGRPCServer) async throws -> Value
    ) async throws -> Value {
        let server = try FakeGRPCServer(handler: handler)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            defer { group.cancelAll() }
            return try await body(server)
        }
    }

    /// The port that it listens on.
    package var port: Int { self.listener.address.port }

    /// How many connections there have been.
    package var connectionCount: Int { self.connections.withLock { $0.count } }

    /// Breaks all connections.
    package func cut() {
        for connection in self.connections.withLock({ $0 }) { connection.cut() }
    }

    /// Says on all connections that it takes no more calls on them.
    package func sayGoodbye() {
        for connection in self.connections.withLock({ $0 }) { connection.sayGoodbye() }
    }

    /// Works until the task is cancelled.
    package func run() async {
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                while let socket = await self.listener.accept() {
                    let connection = FakeGRPCConnection(socket)
                    self.connections.withLock { $0.append(connection) }
                    group.addTask { await connection.run(self.handler) }
                }
            }
        } onCancel: {
            self.listener.close()
            self.cut()
        }
    }

    /// A message that came, and the call to answer.
    package struct Call: Sendable {
        /// The method, such as `KV/Range`.
        package let method: String
        /// What came.
        package let message: [UInt8]
        /// The fields of the call, as they came.
        package let fields: [UInt8]
        let stream: UInt32
        let connection: FakeGRPCConnection

        /// Whether a text stands in the fields of the call.
        package func hasField(_ text: String) -> Bool { !self.fields.ranges(of: Array(text.utf8)).isEmpty }

        /// Sends a message.
        package func send(_ message: [UInt8]) { self.connection.send(message, on: self.stream) }

        /// Ends the call.
        ///
        /// - Parameters:
        ///   - status: How.
        ///   - text: Why.
        package func end(_ status: Int = 0, _ text: String = "") {
            self.connection.end(self.stream, status, text)
        }

        /// Sends a message and ends the call.
        package func answer(_ message: [UInt8]) {
            self.send(message)
            self.end()
        }

        /// Ends the stream without a word.
        package func reset() { self.connection.reset(self.stream) }

        /// Breaks the connection.
        package func cut() { self.connection.cut() }
    }
}
