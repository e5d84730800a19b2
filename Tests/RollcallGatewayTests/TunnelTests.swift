import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallTesting
import Testing

@Suite("WebSockets", .timeLimit(.minutes(1)))
struct TunnelTests {
    private static let request =
        "GET /web/chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

    /// Opens a socket and sends everything back.
    @Sendable private static func echo(_ exchange: HTTPExchange) async throws {
        let fields = exchange.head.fields
        guard fields.lists("websocket", in: .upgrade), fields.lists("upgrade", in: .connection) else {
            return exchange.respond(426)
        }
        let connection = exchange.connection
        connection.output += Array(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
                .utf8
        )
        exchange.didRespond(isComplete: false)
        try await exchange.flush()
        while try await connection.receive(until: nil) {
            connection.output = connection.takeReceived()
            if connection.output.starts(with: "bye".utf8) { return }
            try await exchange.flush()
        }
    }

    @Test("bytes go both ways until the client ends")
    func clientEnds() async throws {
        try await withTestBed { bed in
            let server = try await bed.instance(answering: Self.echo)
            do {
                let raw = try await bed.open()
                try await raw.send(Self.request + "with the head")
                let head = try await raw.receive(until: "with the head")
                #expect(head.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
                #expect(head.contains("Upgrade: websocket\r\n") && head.contains("Connection: Upgrade\r\n"))
                #expect(head.contains("Sec-WebSocket-Accept: x\r\n"))
                for number in 0..<50 {
                    try await raw.send("message \(number);")
                    try await raw.receive(until: "message \(number);")
                }
                #expect(bed.gateway.metrics.tunnels == 1 && bed.gateway.metrics.activeRequests == 1)
            }
            try await eventually { server.connectionCount == 0 && bed.gateway.metrics.activeRequests == 0 }
        }
    }

    @Test("bytes go both ways until the instance ends, and what it sent before arrives")
    func instanceEnds() async throws {
        try await withTestBed { bed in
            try await bed.instance(answering: Self.echo)
            let raw = try await bed.open()
            try await raw.send(Self.request)
            try await raw.receive(until: "\r\n\r\n")
            try await raw.send("bye")
            let (text, wasCut) = await raw.receiveAll()
            #expect(text.hasSuffix("bye") && !wasCut)
        }
    }

    @Test("much both ways at once, held back by whoever reads slowly")
    func volume() async throws {
        try await withTestBed { bed in
            try await bed.instance(answering: Self.echo)
            let raw = try await bed.open()
            try await raw.send(Self.request)
            try await raw.receive(until: "\r\n\r\n")
            let socket = raw.connection.socket
            let total = 16 << 20
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    let piece = [UInt8](repeating: 0x63, count: 65536)
                    for _ in 0..<(total / piece.count) { try? await socket.write(piece, until: nil) }
                }
                var count = 0
                while count < total, (try? await raw.connection.receive(until: nil)) == true {
                    count += raw.connection.takeReceived().count
                }
                #expect(count == total)
            }
        }
    }

    @Test("one that nobody uses ends")
    func idle() async throws {
        try await withTestBed {
            $0.tunnelIdleTimeout = .milliseconds(100)
        } _: { bed in
            let server = try await bed.instance(answering: Self.echo)
            let raw = try await bed.open()
            try await raw.send(Self.request)
            #expect(await raw.receiveAll().text.hasPrefix("HTTP/1.1 101 "))
            try await eventually { server.connectionCount == 0 }
        }
    }

    @Test("an instance may refuse, and other protocols are not asked for")
    func refused() async throws {
        try await withTestBed { bed in
            try await bed.instance { $0.respond(403, "text/plain", body: Array("no".utf8)) }
            try await bed.instance("plain", answering: reflect)
            let raw = try await bed.open()
            try await raw.send(Self.request)
            #expect(try await raw.receive(until: "\r\n\r\nno").hasPrefix("HTTP/1.1 403 "))
            try await raw.send("GET /plain/ HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: h2c\r\n\r\n")
            let text = await raw.receiveAll().text
            #expect(text.contains("HTTP/1.1 200 OK") && !text.contains("h2c"))
        }
    }
}
