import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallTesting
import Testing

@Suite("Streaming", .timeLimit(.minutes(1)))
struct StreamingTests {
    private static let size = 64 << 20
    private static let piece = [UInt8](repeating: 0x61, count: 65536)

    @Test("64 MB down, by length and in chunks", arguments: [true, false])
    func down(isChunked: Bool) async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                if isChunked {
                    try await exchange.beginStream(200, "a/b")
                    for _ in 0..<(Self.size / Self.piece.count) { try await exchange.send(Self.piece) }
                } else {
                    exchange.connection.output += Array("HTTP/1.1 200 OK\r\nContent-Length: \(Self.size)\r\n\r\n".utf8)
                    exchange.didRespond(isComplete: true)
                    for _ in 0..<(Self.size / Self.piece.count) {
                        exchange.connection.output += Self.piece
                        try await exchange.flush()
                    }
                }
            }
            let http = try HTTPClient()
            let request = HTTPClient.Request("GET", "/web/", at: bed.origin)
            let deadline = http.clock.now.advanced(by: .seconds(30))
            let count = try await http.withResponse(to: request, headBy: deadline) {
                response throws(ConnectionError) in
                var count = 0
                while try await response.next(until: deadline, { count += $0.count }) {}
                return count
            }
            #expect(count == Self.size)
            try await eventually { bed.gateway.metrics.responseBytes == Self.size }
        }
    }

    @Test("64 MB up, by length and in chunks", arguments: [true, false])
    func up(isChunked: Bool) async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                var count = 0
                while try await exchange.readPiece({ count += $0.count }) {}
                let framing = exchange.framing == .chunked ? "chunked" : "length"
                exchange.respond(200, "text/plain", body: Array("\(framing) \(count)".utf8))
            }
            let raw = try await bed.open()
            let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(Self.size)"
            try await raw.send("POST /web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\(framing)\r\n\r\n")
            for _ in 0..<(Self.size / Self.piece.count) {
                if isChunked { try await raw.send("10000\r\n") }
                try await raw.send(Self.piece)
                if isChunked { try await raw.send("\r\n") }
            }
            if isChunked { try await raw.send("0\r\n\r\n") }
            #expect(await raw.receiveAll().text.hasSuffix("\(isChunked ? "chunked" : "length") \(Self.size)"))
        }
    }

    @Test("a client that does not read holds the instance back; when it reads, all arrives")
    func slowReader() async throws {
        try await withTestBed { bed in
            let sent = Tally()
            try await bed.instance { exchange in
                try await exchange.beginStream(200, "a/b")
                for _ in 0..<(Self.size / Self.piece.count) {
                    try await exchange.send(Self.piece)
                    sent.add(Self.piece.count)
                }
            }
            let raw = try await bed.open()
            try await raw.send("GET /web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            // It stands still: nothing more was sent since the last look, and then for a while.
            var last = -1
            var looks = 0
            try await eventually {
                looks = sent.value == last && last > 0 ? looks + 1 : 0
                last = sent.value
                return looks > 50
            }
            #expect(sent.value < Self.size)
            let clock = raw.connection.socket.loop.clock
            let deadline = clock.now.advanced(by: .seconds(30))
            var count = 0
            while (try? await raw.connection.receive(until: deadline)) == true {
                count += raw.connection.takeReceived().count
            }
            #expect(count > Self.size)
            #expect(sent.value == Self.size)
        }
    }

    @Test("both ways at once: each piece comes back before the next is sent")
    func echo() async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                try await exchange.beginStream(200, "a/b")
                var piece: [UInt8] = []
                while try await exchange.readPiece({ piece += $0 }) {
                    try await exchange.send(piece)
                    piece = []
                }
            }
            let raw = try await bed.open()
            try await raw.send("POST /web/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for number in 0..<20 {
                try await raw.send("9\r\nnumber \(number % 10)\n\r\n")
                try await raw.receive(until: "number \(number % 10)\n\r\n")
            }
            try await raw.send("0\r\n\r\n")
            let (text, wasCut) = await raw.receiveAll()
            #expect(text.hasSuffix("0\r\n\r\n") && !wasCut)
            #expect(text.contains("Connection: close\r\n"))
        }
    }

    @Test("server-sent events arrive as they are sent; the instance learns that the client left")
    func events() async throws {
        try await withTestBed { bed in
            let next = AsyncStream.makeStream(of: Int.self)
            let end = Signal()
            try await bed.instance { exchange in
                try await exchange.beginStream(200, "text/event-stream")
                for await number in next.stream {
                    try await exchange.send(Array("data: \(number)\n\n".utf8))
                    if number == 3 { break }
                }
                await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
            }
            do {
                let raw = try await bed.open()
                try await raw.send("GET /web/ HTTP/1.1\r\nHost: a\r\n\r\n")
                try await raw.receive(until: "\r\n\r\n")
                for number in 1...3 {
                    next.continuation.yield(number)
                    try await raw.receive(until: "data: \(number)\n\n")
                }
            }
            await end.wait()
            try await eventually { bed.gateway.metrics.clientsGone == 1 }
        }
    }

    @Test("an instance that answers before the request ends is heard at once", arguments: [true, false])
    func earlyAnswer(reads: Bool) async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                if reads { _ = try await exchange.readPiece(upTo: 10) { _ in } }
                exchange.closeAfterwards()
                exchange.respond(413, "text/plain", body: Array("too much".utf8))
            }
            let raw = try await bed.open()
            try await raw.send("POST /web/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n0123456789abc")
            let text = try await raw.receive(until: "too much")
            #expect(text.hasPrefix("HTTP/1.1 413 ") && text.contains("Connection: close\r\n"))
            // The client goes on sending for a while, as most do, and is not cut off.
            try await raw.send([UInt8](repeating: 0x62, count: 20_000_000))
            #expect(await !raw.receiveAll().wasCut)
        }
    }

    @Test(
        "an answer that breaks off never looks complete",
        arguments: [
            ("1.1", "Content-Length: 100\r\n\r\nhello"), ("1.1", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            ("1.1", "Transfer-Encoding: chunked\r\n\r\n50\r\nhello"), ("1.0", "Content-Length: 100\r\n\r\nhello"),
            ("1.0", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
            ("1.1", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
        ]
    )
    func brokenOff(_ version: String, _ answer: String) async throws {
        try await withTestBed { bed in
            let go = Signal()
            try await bed.instance { exchange in
                exchange.connection.output += Array("HTTP/1.1 200 OK\r\n\(answer)".utf8)
                exchange.didRespond(isComplete: false)
                try await exchange.flush()
                await go.wait()
            }
            let raw = try await bed.open()
            try await raw.send("GET /web/ HTTP/\(version)\r\nHost: a\r\n\r\n")
            if !answer.hasSuffix("zz\r\n") { try await raw.receive(until: "hello") }
            go.raise()
            let (text, wasCut) = await raw.receiveAll()
            #expect(!text.contains("\r\n0\r\n\r\n"))
            let tellsLength = text.contains("Content-Length: 100") || text.contains("chunked")
            #expect(text.isEmpty || tellsLength || wasCut)
            try await eventually { bed.gateway.metrics.cutResponses == 1 }
        }
    }

    @Test("a client that leaves within its request, or sends what is no body, costs the instance nothing more")
    func brokenRequest() async throws {
        try await withTestBed { bed in
            let ended = Tally()
            try await bed.instance { exchange in
                defer { ended.add() }
                while try await exchange.readPiece({ _ in }) {}
                exchange.respond(200)
            }
            do {
                let raw = try await bed.open()
                try await raw.send("POST /web/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nabc")
                try await eventually { bed.gateway.metrics.connects == 1 }
            }
            try await eventually { ended.value == 1 }
            let raw = try await bed.open()
            try await raw.send(
                "POST /web/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n+3\r\nabc\r\n"
            )
            #expect(await raw.receiveAll().text.hasPrefix("HTTP/1.1 400 "))
            try await eventually { ended.value == 2 }
            #expect(bed.gateway.metrics.responses[1] == 0)
        }
    }

    @Test("a body that stands still is given up: 408")
    func slowBody() async throws {
        try await withTestBed {
            $0.idleTimeout = .milliseconds(200)
        } _: { bed in
            try await bed.instance(answering: reflect)
            let raw = try await bed.open()
            try await raw.send("POST /web/ HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
            #expect(await raw.receiveAll().text.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test("an instance is asked whether it wants the body, if the client wants to know")
    func expectContinue() async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                guard exchange.head.path == "/yes" else { return exchange.respond(401) }
                try await reflect(exchange)
            }
            let raw = try await bed.open()
            let fields = "Host: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
            try await raw.send("POST /web/yes HTTP/1.1\r\n\(fields)")
            #expect(try await raw.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            try await raw.send("hello")
            #expect(try await raw.receive(until: "hello").contains("HTTP/1.1 200 OK\r\n"))
            try await raw.send("POST /web/no HTTP/1.1\r\n\(fields)")
            let (text, wasCut) = await raw.receiveAll()
            #expect(text.contains("HTTP/1.1 401 ") && !wasCut)
            #expect(text.split(separator: "100 Continue").count == 2)
        }
    }

    @Test("an instance that does not know 100-continue gets the body all the same")
    func ignoredExpectation() async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                var count = 0
                // Past the engine's own answer.
                while count < 5 {
                    count += exchange.connection.takeReceived().count
                    if count < 5 { _ = try await exchange.connection.receive(until: nil) }
                }
                exchange.connection.output += Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8)
                exchange.didRespond(isComplete: false)
            }
            let raw = try await bed.open()
            try await raw.send("POST /web/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
            try await raw.receive(until: "100 Continue\r\n\r\n")
            try await raw.send("hello")
            #expect(try await raw.receive(until: "ok").contains("200 OK"))
        }
    }
}
