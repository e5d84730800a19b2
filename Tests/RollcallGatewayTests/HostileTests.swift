import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallTesting
import Testing

/// What is refused before an instance learns of it.
struct HostileHead: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let status: Int
    let text: String

    init(_ description: String, _ status: Int, _ text: String) {
        self.testDescription = description
        self.status = status
        self.text = text
    }

    private static func post(_ description: String, _ fields: String, _ body: String = "", status: Int = 400) -> Self {
        Self(description, status, "POST /web/ HTTP/1.1\r\nHost: a\r\n\(fields)\r\n\r\n\(body)")
    }

    private static func get(_ description: String, _ target: String, _ status: Int = 400) -> Self {
        Self(description, status, "GET \(target) HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    }

    static let framing: [HostileHead] = [
        .post("both lengths", "Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n"),
        .post("both lengths the other way round", "Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\n"),
        .post("two lengths", "Content-Length: 5\r\nContent-Length: 6", "hello"),
        .post("the same length twice", "Content-Length: 5\r\nContent-Length: 5", "hello"),
        .post("two lengths in one field", "Content-Length: 5, 5", "hello"),
        .post("a signed length", "Content-Length: +5", "hello"),
        .post("a negative length", "Content-Length: -5", "hello"),
        .post("a hexadecimal length", "Content-Length: 0x5", "hello"),
        .post("a length with a space", "Content-Length: 5 5", "hello"),
        .post("an empty length", "Content-Length:", "hello"),
        .post("a length beyond all numbers", "Content-Length: 99999999999999999999", "hello"),
        .post("identity", "Transfer-Encoding: identity", "hello", status: 501),
        .post("gzip", "Transfer-Encoding: gzip", "hello", status: 501),
        .post("gzip, chunked", "Transfer-Encoding: gzip, chunked", "0\r\n\r\n", status: 501),
        .post("chunked, chunked", "Transfer-Encoding: chunked, chunked", "0\r\n\r\n", status: 501),
        .post("chunked twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n", status: 501),
        .post(
            "chunked and identity",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "0\r\n\r\n",
            status: 501
        ),
        .post("xchunked", "Transfer-Encoding: xchunked", "0\r\n\r\n", status: 501),
        .post("chunked in a line of its own", "Transfer-Encoding:\r\n chunked", "0\r\n\r\n"),
        .post("a vertical tab", "Transfer-Encoding: \u{0B}chunked", "0\r\n\r\n"),
        .post("space before the colon", "Transfer-Encoding : chunked", "0\r\n\r\n"),
        .post("a line that goes on the former", "X: 1\r\n Content-Length: 5", "hello"),
        .post("a bare line feed between fields", "X: 1\nContent-Length: 5", "hello"),
        .post("a bare carriage return", "X: 1\rContent-Length: 5", "hello"),
        .post("a NUL in a value", "X: a\u{0}b"),
        .post("a NUL in a name", "X\u{0}: a"),
        .post("no colon", "Whatever"),
        .post("an empty name", ": a"),
        .post("two hosts", "Host: b"),
        Self("chunks in HTTP/1.0", 400, "POST /web/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ]

    static let lines: [HostileHead] = [
        Self("a bare line feed behind the first line", 400, "GET /web/ HTTP/1.1\nHost: a\r\n\r\n"),
        Self("no host", 400, "GET /web/ HTTP/1.1\r\n\r\n"),
        Self("two spaces", 400, "GET  /web/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Self("a tab", 400, "GET\t/web/\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        Self("space at the end", 505, "GET /web/ HTTP/1.1 \r\nHost: a\r\n\r\n"),
        Self("HTTP/2", 505, "GET /web/ HTTP/2.0\r\nHost: a\r\n\r\n"),
        Self("no version", 400, "GET /web/\r\nHost: a\r\n\r\n"),
        Self("a method that is none", 400, "G(T /web/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        .get("a long target", "/web/" + String(repeating: "a", count: 17000), 414),
        .get("bytes outside ASCII", "/wéb/"),
        Self(
            "a long head",
            431,
            "GET /web/ HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 40000))\r\n\r\n"
        ),
        Self(
            "many fields",
            431,
            "GET /web/ HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: a\r\n", count: 200))\r\n"
        ),
    ]

    static let targets: [HostileHead] = [
        .get("an absolute target", "http://web/"),
        .get("an absolute target to elsewhere", "http://169.254.169.254/latest"),
        Self("CONNECT", 400, "CONNECT web:80 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Self("CONNECT with a path", 400, "CONNECT /web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        Self("asterisk", 400, "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
        .get("..", "/web/../admin"), .get("encoded ..", "/%2e%2e/web"), .get("encoded slash", "/web%2fadmin"),
    ]

    static let bodies: [HostileHead] = [
        "+5\r\nhello\r\n0\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n", "\r\n5\r\nhello\r\n0\r\n\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n", "ffffffffffffffff\r\nhello\r\n0\r\n\r\n", "10000000000000005\r\nhello\r\n0\r\n\r\n",
        "5;a\u{0}b\r\nhello\r\n0\r\n\r\n", "5\rx\r\nhello\r\n0\r\n\r\n", "g\r\nhello\r\n0\r\n\r\n",
        "5;\(String(repeating: "a", count: 5000))\r\nhello\r\n0\r\n\r\n",
    ].map { body in
        .post("chunk \(body.prefix(12).debugDescription)", "Transfer-Encoding: chunked", body)
    }
}

@Suite("Hostile requests", .timeLimit(.minutes(1)))
struct HostileTests {
    @Test("refused before an instance learns of it", arguments: HostileHead.framing + HostileHead.lines)
    func refused(_ head: HostileHead) async throws {
        try await withTestBed { bed in
            let server = try await bed.instance(answering: reflect)
            #expect(try await bed.send().status == 200)
            let raw = try await bed.open()
            // A second request behind it shows whether anything was taken for another one.
            try await raw.send(head.text + "GET /web/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = await raw.receiveAll().text
            #expect(text.hasPrefix("HTTP/1.1 \(head.status) "), "\(text.prefix(100))")
            #expect(!text.contains("smuggled"))
            #expect(server.requests == 1)
        }
    }

    @Test("targets that are no path of a service", arguments: HostileHead.targets)
    func targets(_ head: HostileHead) async throws {
        try await withTestBed { bed in
            let server = try await bed.instance(answering: reflect)
            let raw = try await bed.open()
            try await raw.send(head.text)
            let text = await raw.receiveAll().text
            #expect(text.hasPrefix("HTTP/1.1 \(head.status) ") && text.contains("application/problem+json"))
            #expect(server.requests == 0)
        }
    }

    @Test("chunks that break the rules end the request, and nothing behind them is read", arguments: HostileHead.bodies)
    func chunks(_ head: HostileHead) async throws {
        try await withTestBed { bed in
            let seen = Tally()
            try await bed.instance { exchange in
                seen.add()
                try await reflect(exchange)
            }
            let raw = try await bed.open()
            try await raw.send(head.text + "GET /web/smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = await raw.receiveAll().text
            #expect(text.hasPrefix("HTTP/1.1 400 "), "\(text.prefix(100))")
            #expect(!text.contains("smuggled"))
            #expect(seen.value <= 1)
        }
    }

    @Test("chunk extensions and trailers are legal, and go no further")
    func extensions() async throws {
        try await withTestBed { bed in
            try await bed.instance(answering: reflect)
            let raw = try await bed.open()
            try await raw.send(
                "POST /web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n"
                    + "5;ext=\"GET /x HTTP/1.1\"\r\nhello\r\n0;y\r\nX-Trailer: 1\r\n\r\n"
            )
            let text = await raw.receiveAll().text
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.hasSuffix("hello"))
            #expect(!text.contains("ext=") && !text.contains("Trailer"))
        }
    }

    @Test("a target with a line break cannot be made to forge a request")
    func forgery() async throws {
        try await withTestBed { bed in
            try await bed.instance(answering: reflect)
            let text = try await bed.send("GET", "/web/a%0d%0aX-Evil:%201?b%0d%0a").text
            #expect(text.hasPrefix("GET /a%0d%0aX-Evil:%201?b%0d%0a\n"))
            #expect(!text.contains("\nX-Evil"))
        }
    }

    @Test("heads above the configured size are refused, slow ones given up")
    func limits() async throws {
        try await withTestBed {
            $0.maximumHeadBytes = 1000
            $0.clientHeadTimeout = .milliseconds(200)
        } _: { bed in
            try await bed.instance(answering: reflect)
            let fields = [Problem.Header("X", String(repeating: "a", count: 1000))]
            #expect(try await bed.send(fields: fields).status == 431)
            let raw = try await bed.open()
            try await raw.send("GET /web/ HTTP/1.1\r\nHost:")
            #expect(await raw.receiveAll().text.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test("what an instance says besides its answer is not taken for the next one")
    func surplus() async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
                exchange.connection.output += Array("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood\(evil)".utf8)
                exchange.didRespond(isComplete: true)
            }
            for _ in 0..<5 { #expect(try await bed.send().text == "good") }
        }
    }

    @Test(
        "nor what it says some time after its answer",
        arguments: [
            ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"), ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"),
        ]
    )
    func lateSurplus(_ method: String, _ answer: String) async throws {
        try await withTestBed { bed in
            let turns = Tally()
            let (wanted, sent) = (Signal(), Signal())
            try await bed.instance { exchange in
                guard turns.add() == 1 else { return try await reflect(exchange) }
                exchange.connection.output += Array(answer.utf8)
                exchange.didRespond(isComplete: true)
                try await exchange.flush()
                await wanted.wait()
                exchange.connection.output += Array("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil".utf8)
                try await exchange.flush()
                sent.raise()
            }
            let raw = try await bed.open()
            try await raw.send("\(method) /web/ HTTP/1.1\r\nHost: a\r\n\r\n")
            try await raw.receive(until: answer.hasSuffix("good") ? "good" : "\r\n\r\n")
            wanted.raise()
            await sent.wait()
            // On the same connection, hence the same loop, which was told of the surplus before.
            try await raw.send("GET /web/next HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = await raw.receiveAll().text
            #expect(text.contains("GET /next") && !text.contains("evil"))
            #expect(bed.gateway.metrics.connects == 2)
        }
    }
}
