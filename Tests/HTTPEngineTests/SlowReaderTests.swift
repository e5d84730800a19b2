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

@Suite("HTTP server: clients that read slowly", .timeLimit(.minutes(1)))
struct SlowReaderTests {
    private static let piece = [UInt8](repeating: 0x61, count: 65536)
    private static let size = 256 * Self.piece.count

    /// Takes a little now and then, much more slowly than the system would tell the server of room.
    private static func readSlowly(_ connection: HTTPConnection, for duration: Duration) async throws -> Int {
        let clock = connection.socket.loop.clock
        let end = clock.now.advanced(by: duration)
        var count = 0
        while clock.now < end {
            guard try await connection.receive(until: clock.now.advanced(by: .seconds(10))) else { return count }
            count += connection.takeReceived().count
            try await clock.sleep(for: .milliseconds(100))
        }
        return count
    }

    @Test("one that takes a little all the time gets everything")
    func steady() async throws {
        var configuration = HTTPServer.Configuration()
        configuration.writeTimeout = .seconds(3)
        let sent = Tally()
        try await withServer(configuration: configuration) { exchange in
            try await exchange.beginStream(200, "a/b")
            for _ in 0..<(Self.size / Self.piece.count) {
                try await exchange.send(Self.piece)
                sent.add(Self.piece.count)
            }
        } _: { _, origin in
            let pool = ConnectionPool(loop: try EventLoops.running().next())
            let connection = HTTPConnection(try await pool.connect(to: origin))
            defer { connection.socket.close() }
            // What waits, waits at the server's side.
            var room: Int32 = 65536
            setsockopt(connection.socket.descriptor, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<Int32>.size))
            let head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            try await connection.socket.write(Array(head.utf8), until: nil)
            var count = try await Self.readSlowly(connection, for: .seconds(8))
            let deadline = pool.loop.clock.now.advanced(by: .seconds(30))
            #expect(sent.value < Self.size, "the server would have had to wait")
            while (try? await connection.receive(until: deadline)) == true { count += connection.takeReceived().count }
            #expect(sent.value == Self.size)
            #expect(count > Self.size)
        }
    }

    @Test("one that takes nothing is given up")
    func silent() async throws {
        var configuration = HTTPServer.Configuration()
        configuration.writeTimeout = .milliseconds(200)
        try await withServer(configuration: configuration) { exchange in
            try await exchange.beginStream(200, "a/b")
            while true { try await exchange.send(Self.piece) }
        } _: { server, origin in
            let socket = try await ConnectionPool(loop: try EventLoops.running().next()).connect(to: origin)
            defer { socket.close() }
            try await socket.write(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), until: nil)
            try await eventually { server.requests == 1 }
            try await eventually { server.connectionCount == 0 }
        }
    }
}
