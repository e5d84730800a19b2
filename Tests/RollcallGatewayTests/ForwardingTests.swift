import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallTesting
import Synchronization
import Testing

@Suite("Forwarding", .timeLimit(.minutes(1)))
struct ForwardingTests {
    @Test("method, path, query, fields and body arrive; the answer comes back")
    func everythingArrives() async throws {
        try await withTestBed { bed in
            try await bed.instance(answering: reflect)
            let answer = try await bed.send(
                "PATCH",
                "/web/a%20b/c?d=e&f",
                fields: [.init("Content-Type", "text/x"), .init("traceparent", "00-1-2-01"), .init("X-Own", "ä")],
                body: Array("hello".utf8)
            )
            #expect(answer.status == 200)
            #expect(answer.text.hasPrefix("PATCH /a%20b/c?d=e&f\n"))
            #expect(answer.text.contains("\nContent-Type: text/x\n"))
            #expect(answer.text.contains("\ntraceparent: 00-1-2-01\n"))
            #expect(answer.text.contains("\nX-Own: ä\n"))
            #expect(answer.text.contains("\nContent-Length: 5\n"))
            #expect(answer.text.hasSuffix("\n\nhello"))
            #expect(answer.head.fields.first("via") == "1.1 rollcall")
            #expect(answer.head.fields.first("content-type") == "text/plain")
        }
    }

    @Test("the prefix of an endpoint comes first, and a route may keep its path")
    func prefixes() async throws {
        try await withTestBed {
            $0.routes = [.init("/kept", to: ServiceName.web, keepsPath: true), .init("/deep/er", to: ServiceName.web)]
        } _: { bed in
            let server = try bed.serve(reflect)
            try await bed.register(port: server.address.port, path: "/api/v1/")
            for (target, seen) in [
                ("/web", "/api/v1/"), ("/web/x", "/api/v1/x"), ("/web?q", "/api/v1/?q"), ("/kept/x", "/api/v1/kept/x"),
                ("/deep/er", "/api/v1/"), ("/deep/er/x?y", "/api/v1/x?y"),
            ] {
                #expect(try await bed.send("GET", target).text.hasPrefix("GET \(seen)\n"), "\(target)")
            }
        }
    }

    @Test("what concerns one connection only stays there; the gateway says who asked")
    func hopByHop() async throws {
        try await withTestBed { bed in
            let server = try await bed.instance(answering: reflect)
            let raw = try await bed.open()
            try await raw.send(
                """
                GET /web/ HTTP/1.1\r\nhost: shop.example\r\nConnection: close, X-Gone\r\nconnection: Other\r\nX-Gone: 1\r
                OTHER: 1\r\nKeep-Alive: 1\r\nProxy-Authorization: 1\r\nProxy-Connection: 1\r\nTE: trailers\r\nTrailer: x\r
                Upgrade: h2c\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\nX-Forwarded-Host: forged\r
                X-Forwarded-Proto: https\r\nVia: 1.0 fred\r\nCookie: a\r\nCookie: b\r\n\r\n
                """
            )
            let text = await raw.receiveAll().text
            let seen = Set(text.split(separator: "\n").map { String($0).lowercased() })
            for gone in ["x-gone", "other", "keep-alive", "proxy-", "te:", "trailer", "upgrade", "connection"] {
                #expect(!seen.contains { $0.hasPrefix(gone) && !$0.hasPrefix("connection: close\r") }, "\(gone)")
            }
            #expect(seen.contains("host: 127.0.0.1:\(server.address.port)"))
            #expect(seen.contains("x-forwarded-for: 1.2.3.4, 5.6.7.8, 127.0.0.1"))
            #expect(seen.contains("x-forwarded-host: shop.example"))
            #expect(seen.contains("x-forwarded-proto: http"))
            #expect(!text.contains("forged"))
            #expect(seen.contains("via: 1.0 fred") && seen.contains("via: 1.1 rollcall"))
            #expect(seen.contains("cookie: a") && seen.contains("cookie: b"))
        }
    }

    @Test("behind a proxy of one's own its fields are kept")
    func trustedFields() async throws {
        try await withTestBed {
            $0.trustsForwardedFields = true
        } _: { bed in
            try await bed.instance(answering: reflect)
            let fields = [Problem.Header("X-Forwarded-Host", "shop.example"), .init("X-Forwarded-Proto", "https")]
            let text = try await bed.send(fields: fields).text
            #expect(text.contains("X-Forwarded-Host: shop.example\n") && text.contains("X-Forwarded-Proto: https\n"))
            #expect(!text.contains("X-Forwarded-Proto: http\n"))
        }
    }

    @Test("fields of answers that concern one connection only stay there, and trailers are dropped")
    func answerFields() async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                exchange.connection.output += Array(
                    """
                    HTTP/1.1 200 Fine\r\nConnection: keep-alive, X-Gone\r\nX-Gone: 1\r\nKeep-Alive: 1\r
                    Proxy-Authenticate: x\r\nTrailer: X-Late\r\nUpgrade: h2c\r\nSet-Cookie: a\r\nSet-Cookie: b\r
                    Via: 1.1 inner\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n
                    """.utf8
                )
                exchange.didRespond(isComplete: true)
            }
            for _ in 0..<3 {
                let answer = try await bed.send()
                #expect(answer.text == "hello")
                #expect(answer.head.reason == "Fine")
                for gone in [
                    "x-gone", "keep-alive", "proxy-authenticate", "trailer", "upgrade", "connection", "x-late",
                ] {
                    #expect(answer.head.fields.first(named: gone) == nil, "\(gone)")
                }
                #expect(answer.head.fields.all("set-cookie") == ["a", "b"])
                #expect(answer.head.fields.all("via") == ["1.1 inner", "1.1 rollcall"])
                #expect(answer.head.fields.contains("date"))
            }
            #expect(bed.gateway.metrics.connects == 1)
        }
    }

    @Test("answers without a body, and lengths of bodies that do not come")
    func bodiless() async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                let status = Int(exchange.head.path.dropFirst()) ?? 200
                let length = status == 204 ? "" : "Content-Length: 42\r\n"
                exchange.connection.output += Array("HTTP/1.1 \(status) X\r\n\(length)ETag: \"1\"\r\n\r\n".utf8)
                exchange.didRespond(isComplete: true)
            }
            for (method, target, length) in [
                ("HEAD", "/web/200", "42"), ("GET", "/web/304", "42"), ("GET", "/web/204", nil),
                ("HEAD", "/web/404", "42"),
            ] {
                let answer = try await bed.send(method, target)
                #expect(answer.head.fields.first("content-length") == length, "\(method) \(target)")
                #expect(answer.body.isEmpty)
                #expect(answer.head.fields.first("etag") == "\"1\"")
            }
        }
    }

    @Test("redirects are the client's business")
    func redirects() async throws {
        try await withTestBed { bed in
            let tally = Tally()
            try await bed.instance { exchange in
                tally.add()
                exchange.respond(302, nil, headers: [.init("Location", "/elsewhere")])
            }
            let answer = try await bed.send()
            #expect(answer.status == 302 && answer.head.fields.first("location") == "/elsewhere")
            #expect(tally.value == 1)
        }
    }

    @Test("interim answers go on, to those who can read them")
    func interim() async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                exchange.connection.output += Array("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n".utf8)
                exchange.respond(200, "text/plain", body: Array("done".utf8))
            }
            let new = try await bed.open()
            try await new.send("GET /web/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let text = await new.receiveAll().text
            #expect(text.hasPrefix("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n"))
            #expect(text.contains("HTTP/1.1 200 OK\r\n") && text.hasSuffix("done"))
            let old = try await bed.open()
            try await old.send("GET /web/ HTTP/1.0\r\n\r\n")
            #expect(await old.receiveAll().text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test("HTTP/1.0 clients get no chunks, and keep their connection if they ask and it can be")
    func oldClients() async throws {
        try await withTestBed { bed in
            try await bed.instance { exchange in
                guard exchange.head.path == "/stream" else { return exchange.respond(200, "a/b", body: [0x78]) }
                try await exchange.beginStream(200, "text/plain")
                try await exchange.send(Array("one".utf8))
                try await exchange.send(Array("two".utf8))
            }
            let raw = try await bed.open()
            try await raw.send("GET /web/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try await raw.receive(until: "\r\n\r\nx").contains("Connection: keep-alive\r\n"))
            try await raw.send("GET /web/stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let (text, wasCut) = await raw.receiveAll()
            #expect(text.hasSuffix("\r\n\r\nonetwo") && !wasCut)
            #expect(!text.contains("chunked"))
        }
    }

    @Test("connections are kept on both sides, and requests behind each other are answered in order")
    func keepAlive() async throws {
        try await withTestBed { bed in
            let server = try await bed.instance(answering: reflect)
            let raw = try await bed.open()
            var text = ""
            for number in 0..<10 { text += "POST /web/\(number) HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" }
            try await raw.send(text + "GET /web/last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            let answer = await raw.receiveAll().text
            let places = (0..<10).map { answer.firstRange(of: "POST /\($0)\n")?.lowerBound }
            #expect(places.allSatisfy { $0 != nil })
            #expect(places.compactMap { $0 }.sorted() == places.compactMap { $0 })
            #expect(answer.contains("GET /last\n"))
            #expect(server.connectionCount == 1)
        }
    }

    @Test("every request is told of, and counted")
    func observability() async throws {
        let shared = Shared()
        try await withTestBed {
            $0.accessLog = { shared.append($0) }
        } _: { bed in
            try await bed.instance(answering: say("hello"))
            _ = try await bed.send("GET", "/web/a?b")
            _ = try await bed.send("GET", "/nothing")
            try await eventually { shared.records.count == 2 }
            let first = try #require(shared.records.first)
            #expect(first.client == "127.0.0.1" && first.method == "GET" && first.target == "/web/a?b")
            #expect(first.status == 200 && first.service == "web" && first.instance == "web-1" && first.attempts == 1)
            #expect(first.bytes == 5 && first.duration > .zero)
            #expect(shared.records.last?.status == 404 && shared.records.last?.instance == nil)
            let metrics = bed.gateway.metrics
            #expect(metrics.requests == 2 && metrics.responses == [0, 1, 0, 0, 0] && metrics.problems == [404: 1])
            #expect(metrics.prometheusText.contains("rollcall_gateway_responses_total{status=\"2xx\"} 1\n"))
            #expect(metrics.prometheusText.contains("rollcall_gateway_problems_total{status=\"404\"} 1\n"))
        }
    }
}

/// Access records that many threads add to.
private final class Shared: Sendable {
    private let state = Mutex<[AccessRecord]>([])

    var records: [AccessRecord] { self.state.withLock { $0 } }

    func append(_ record: AccessRecord) { self.state.withLock { $0.append(record) } }
}

extension ServiceName {
    /// The service of most tests.
    fileprivate static var web: ServiceName {
        guard let name = try? ServiceName("web") else { preconditionFailure("a legal name") }
        return name
    }
}
