import Rollcall
import RollcallTesting
import Testing

@testable import HTTPEngine

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite("HTTP client: connections that rest, and that are made", .timeLimit(.minutes(1)))
struct RestingConnectionTests {
    private static let good = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
    private static let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    /// Answers the first connection's request, and sends more when told to; then answers the second connection's.
    private static func serve(
        _ listener: TCPListener,
        _ answer: String,
        surplus: (wanted: Signal, sent: Signal)
    ) async {
        guard let first = await listener.accept() else { return }
        defer { first.close() }
        guard (try? await HTTPConnection(first).receive(until: nil)) == true else { return }
        try? await first.write(Array(answer.utf8), until: nil)
        await surplus.wanted.wait()
        try? await first.write(Array(Self.evil.utf8), until: nil)
        surplus.sent.raise()
        guard let second = await listener.accept() else { return }
        defer { second.close() }
        guard (try? await HTTPConnection(second).receive(until: nil)) == true else { return }
        try? await second.write(Array(Self.good.utf8), until: nil)
    }

    @Test(
        "bytes that come while a connection rests are not taken for an answer",
        arguments: [
            ("GET", Self.good), ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        ]
    )
    func surplus(_ method: String, _ answer: String) async throws {
        let listener = try TCPListener(host: "127.0.0.1", port: 0)
        let (wanted, sent) = (Signal(), Signal())
        try await withServer {
            $0.respond(200)
        } _: { _, other in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await Self.serve(listener, answer, surplus: (wanted, sent)) }
                defer {
                    listener.close()
                    group.cancelAll()
                }
                let origin = Origin(host: "127.0.0.1", port: listener.address.port)
                let client = try HTTPClient()
                _ = try await client.send(HTTPClient.Request(method, "/", at: origin), within: .seconds(10))
                wanted.raise()
                await sent.wait()
                // Behind this the loop has told of what came before it.
                _ = try await client.send(HTTPClient.Request("GET", "/", at: other), within: .seconds(10))
                let response = try await client.send(HTTPClient.Request("GET", "/", at: origin), within: .seconds(10))
                #expect(String(decoding: response.body, as: UTF8.self) == "good")
            }
        }
    }

    @Test("what rested too long is closed, though nobody asks for its origin any more")
    func old() async throws {
        try await withServer {
            $0.respond(200)
        } _: { former, forgotten in
            try await withServer {
                $0.respond(200)
            } _: { _, busy in
                let pool = ConnectionPool(loop: try EventLoops.running().next(), trust: .milliseconds(50))
                pool.putToRest(try await pool.connect(to: forgotten), to: forgotten)
                try await eventually { former.connectionCount == 1 }
                try await eventually {
                    pool.putToRest(try await pool.connect(to: busy), to: busy)
                    return former.connectionCount == 0
                }
                pool.closeResting()
            }
        }
    }

    @Test("the time of a request limits the connection that is made for it, too")
    func connectLimit() async throws {
        // One whose queue is full: the system answers no further connection, as a host that is gone.
        let address = try #require(SocketAddress(host: "127.0.0.1", port: 0))
        let descriptor = try SystemCalls.makeSocket(family: address.family)
        defer { Listener.close(descriptor) }
        try #require(address.withSystemAddress { bind(descriptor, $0, $1) } == 0 && listen(descriptor, 0) == 0)
        let origin = Origin(host: "127.0.0.1", port: try #require(SocketAddress(boundTo: descriptor)).port)
        let pool = ConnectionPool(loop: try EventLoops.running().next(), connectTimeout: .milliseconds(300))
        var sockets: [Socket] = []
        defer { for socket in sockets { socket.close() } }
        while sockets.count < 64, let socket = try? await pool.connect(to: origin) { sockets.append(socket) }
        try #require(sockets.count < 64)
        let client = try HTTPClient(connectTimeout: .seconds(120))
        let error = await #expect(throws: ConnectionError.self) {
            try await client.send(HTTPClient.Request("GET", "/", at: origin), within: .milliseconds(300))
        }
        #expect(error?.kind == .timeout)
    }
}
