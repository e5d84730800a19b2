import HTTPEngine
import Rollcall
import Testing

/// What a handler of these tests answers: the method, the target and the body.
@Sendable private func echo(_ exchange: HTTPExchange) async throws {
    let body = try await exchange.readBody(limit: 1 << 20)
    let text = "\(exchange.head.method) \(exchange.head.target) " + String(decoding: body, as: UTF8.self)
    exchange.respond(200, "text/plain", body: Array(text.utf8))
}

@Suite("HTTP server", .timeLimit(.minutes(1)))
struct ServerTests {
    @Test("requests on one connection, one after the other")
    func keepAlive() async throws {
        try await withServer(echo) { server, origin in
            let client = try HTTPClient()
            for index in 0..<100 {
                let request = HTTPClient.Request("POST", "/a?b=\(index)", at: origin, body: Array("x\(index)".utf8))
                let response = try await client.send(request, within: .seconds(5))
                #expect(response.status == 200)
                #expect(String(decoding: response.body, as: UTF8.self) == "POST /a?b=\(index) x\(index)")
            }
            #expect(server.connectionCount == 1)
        }
    }

    @Test("pipelined requests are answered in order")
    func pipelining() async throws {
        try await withServer(echo) { _, origin in
            let one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
            let two = "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
            let three = "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
            let answer = try await exchangeRaw(one + two + three, with: origin)
            let places = ["GET /1 ", "POST /2 hi", "GET /3 "].map { answer.firstRange(of: $0)?.lowerBound }
            #expect(places.allSatisfy { $0 != nil })
            #expect(zip(places, places.dropFirst()).allSatisfy { ($0 ?? answer.endIndex) < ($1 ?? answer.startIndex) })
        }
    }

    @Test("many clients at once")
    func concurrency() async throws {
        try await withServer(echo) { _, origin in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<64 {
                    group.addTask {
                        let client = try HTTPClient()
                        for index in 0..<20 {
                            let request = HTTPClient.Request("GET", "/\(task)/\(index)", at: origin)
                            let response = try await client.send(request, within: .seconds(20))
                            #expect(String(decoding: response.body, as: UTF8.self) == "GET /\(task)/\(index) ")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

@Suite("HTTP server: how it ends", .timeLimit(.minutes(1)))
struct ShutdownTests {
    @Test("one that never ran can be shut down, and does not run afterwards")
    func neverRan() async throws {
        let server = try HTTPServer(host: "127.0.0.1", port: 0) { $0.respond(200) }
        await server.shutDown(within: .seconds(5))
        await server.run()
        await server.shutDown(within: .seconds(5))
        let again = try HTTPServer(host: "127.0.0.1", port: server.address.port) { $0.respond(200) }
        await again.shutDown(within: .zero)
    }

    @Test("clients that rest do not keep it from ending")
    func restingClients() async throws {
        try await withServer(echo) { server, origin in
            let client = try HTTPClient()
            for number in 0..<8 {
                _ = try await client.send(HTTPClient.Request("GET", "/\(number)", at: origin), within: .seconds(5))
            }
            await server.shutDown(within: .seconds(3600))
            #expect(server.connectionCount == 0)
        }
    }
}

@Suite("Clients that wait to be told to go on", .timeLimit(.minutes(1)))
struct ContinueTests {
    private static func answer(_ version: String, _ length: Int) async throws -> String {
        let fields = "Host: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: \(length)\r\n\r\n"
        let body = String(repeating: "b", count: length)
        return try await withServer(echo) { _, origin in
            try await exchangeRaw("POST /1 HTTP/\(version)\r\n\(fields)\(body)", with: origin)
        }
    }

    @Test("are told, unless they speak HTTP/1.0 or have no body")
    func told() async throws {
        #expect(try await Self.answer("1.1", 2).hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "))
        #expect(try await Self.answer("1.0", 2).hasPrefix("HTTP/1.1 200 "))
        #expect(try await Self.answer("1.1", 0).hasPrefix("HTTP/1.1 200 "))
    }
}

@Suite("Bodies that break the rules", .timeLimit(.minutes(1)))
struct BrokenBodyTests {
    @Test("nothing behind a broken chunk is taken for a request")
    func brokenChunk() async throws {
        try await withServer(echo) { server, origin in
            let broken = "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\n0\r\n\r\n"
            let answer = try await exchangeRaw(broken + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n", with: origin)
            #expect(answer.hasPrefix("HTTP/1.1 400 "))
            #expect(!answer.contains("/2"))
            #expect(server.requests == 1)
        }
    }
}
