import HTTPEngine
import Rollcall
import Testing

@Suite("Hub: what is no HTTP", .timeLimit(.minutes(2)), .serialized)
struct BadMessageTests {
    @Test(
        "messages that break the rules are answered once, and the connection is closed",
        arguments: [
            ("GET /livez HTTP/1.1\r\n\r\n", 400), ("GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: b\r\n\r\n", 400),
            ("GET /livez HTTP/1.1\r\nHost : a\r\n\r\n", 400), ("GET /livez HTTP/1.1\nHost: a\n\n", 400),
            ("GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n continued\r\n\r\n", 400),
            ("GET /livez HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n", 505),
            ("GET  /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
            ("GET /li vez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
            ("GET /\u{F6} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
            ("G\u{0}T / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
            ("hello\r\n\r\n", 400), ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\u{0}b\r\n\r\n", 400),
            ("PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n", 400),
            ("PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1, 1\r\n\r\n", 400),
            ("PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
            (
                "PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                400
            ),
            ("PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
            ("PUT / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
            ("GET /" + String(repeating: "x", count: 16385) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 414),
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + String(repeating: "x", count: 40_000) + "\r\n\r\n", 431),
            ("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + String(repeating: "X: y\r\n", count: 129) + "\r\n", 431),
        ]
    )
    func rules(_ text: String, _ status: Int) async throws {
        try await withHub { hub in
            let answer = try await hub.raw(text + "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer.prefix(80))")
            #expect(answer.contains("Content-Type: application/problem+json\r\n"))
            #expect(answer.contains(status == 501 ? #""code":"unsupported""# : #""code":"invalidArgument""#))
            #expect(answer.contains("Connection: close\r\n"))
            #expect(answer.ranges(of: "\r\nDate: ").count == 1)
            #expect(try await hub.call("GET", "/livez").status == 200)
        }
    }

    @Test("a chunked body with tricks in its chunks is refused")
    func chunks() async throws {
        try await withHub { hub in
            let head =
                "PUT /v1/services/a/instances/b HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            for body in [
                "x\r\n", "-1\r\n", "+1\r\na\r\n0\r\n\r\n", "1\r\nab\r\n0\r\n\r\n", "0x1\r\na\r\n", "\r\n", "1\na\n",
            ] {
                let answer = try await hub.raw(head + body)
                #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(body.debugDescription): \(answer.prefix(80))")
            }
        }
    }

    @Test("HTTP/1.0 without a Host is served, and closed unless it wants otherwise")
    func version10() async throws {
        try await withHub { hub in
            let answer = try await hub.raw("GET /livez HTTP/1.0\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nok\n"))
            let stream = try await hub.raw(
                "GET /v1/services HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /livez HTTP/1.0\r\n\r\n"
            )
            #expect(stream.ranges(of: "HTTP/1.1 200 OK").count == 2)
        }
    }

    @Test("a request that ends within its head or body is dropped without an answer")
    func torn() async throws {
        try await withHub { hub in
            for text in [
                "GET /livez HT",
                "PUT /v1/services/a/instances/b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{",
            ] {
                let connection = try await hub.connect()
                try await connection.socket.write(Array(text.utf8), until: nil)
                connection.socket.finishWriting()
                let deadline = connection.socket.loop.clock.now.advanced(by: .seconds(10))
                while try await connection.receive(until: deadline) {}
                connection.socket.close()
            }
            #expect(try await hub.call("GET", "/v1/services/a").ids.isEmpty)
        }
    }
}
