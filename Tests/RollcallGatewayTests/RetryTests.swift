import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallTesting
import Testing

@Suite("Answers of the gateway, and other instances", .timeLimit(.minutes(1)))
struct RetryTests {
    private static func code(_ answer: HTTPClient.Response) -> String? {
        guard answer.head.fields.first("content-type") == "application/problem+json" else { return nil }
        return answer.text.firstRange(of: "\"code\":\"").map { range in
            String(answer.text[range.upperBound...].prefix { $0 != "\"" })
        }
    }

    @Test("404 for a service that nobody registered, 503 for one without an instance that passes")
    func noInstance() async throws {
        try await withTestBed { bed in
            var answer = try await bed.send("GET", "/web/x")
            #expect(answer.status == 404 && Self.code(answer) == "notFound")
            try await bed.register("down", port: 1, status: .critical)
            answer = try await bed.send("GET", "/down/x")
            #expect(answer.status == 503 && Self.code(answer) == "unavailable")
            try await bed.register("other", port: 1, scheme: "grpc")
            #expect(try await bed.send("GET", "/other/x").status == 503)
            let lease = try await bed.register("gone", port: bed.serve(reflect).address.port)
            #expect(try await bed.send("GET", "/gone/x").status == 200)
            try await lease.revoke()
            try await bed.awaitInstances(0, of: "gone")
            #expect(try await bed.send("GET", "/gone/x").status == 503)
        }
    }

    @Test("names that nobody registered cost no watch, however many are asked for")
    func unknownNames() async throws {
        try await withTestBed { bed in
            for number in 0..<200 {
                let answer = try await bed.send("GET", "/nobody-\(number)/x")
                #expect(answer.status == 404)
            }
            #expect(bed.client.discovery.observedServices.isEmpty)
            #expect(try await bed.send("GET", "/" + String(repeating: "x", count: 200)).status == 400)
            #expect(try await bed.send("GET", "/a*b/").status == 400)
        }
    }

    @Test("only what is allowed can be reached, and nothing of the registry")
    func allowList() async throws {
        try await withTestBed {
            $0.allowedServices = (try? ServiceName("web")).map { [$0] }
        } _: { bed in
            try await bed.instance(answering: reflect)
            try await bed.instance("admin", answering: reflect)
            #expect(try await bed.send("GET", "/web/").status == 200)
            #expect(try await bed.send("GET", "/admin/").status == 404)
            #expect(try await bed.send("GET", "/%61dmin/").status == 404)
            for target in ["/services", "/v1/services/web", "/v1/instances", "/register", "/metrics"] {
                let body = Array(#"{"Added":[{"Name":"evil","URL":"http://127.0.0.1:1"}]}"#.utf8)
                #expect(try await bed.send("POST", target, body: body).status == 404)
            }
            #expect(try await bed.backend.services().map(\.service.text).sorted() == ["admin", "web"])
        }
    }

    @Test("an instance that refuses connections is passed over, for any method")
    func refused() async throws {
        try await withTestBed { bed in
            let port = try RefusingPort.reserve()
            try await bed.register(id: "a", port: port)
            try await bed.instance(id: "b", answering: reflect)
            for method in ["POST", "GET", "PATCH", "DELETE"] {
                for _ in 0..<2 {
                    let answer = try await bed.send(method, "/web/", body: Array("body".utf8))
                    #expect(answer.status == 200 && answer.text.hasSuffix("body"))
                }
            }
            let metrics = bed.gateway.metrics
            #expect(metrics.connectFailures == 3 && metrics.ejections == 1 && metrics.retries == 3)
        }
    }

    @Test("502 when no instance can be reached, each tried once")
    func unreachable() async throws {
        try await withTestBed { bed in
            let port = try RefusingPort.reserve()
            for id in ["a", "b"] { try await bed.register(id: id, port: port) }
            let answer = try await bed.send()
            #expect(answer.status == 502 && Self.code(answer) == "unavailable")
            #expect(!answer.text.contains("127.0.0.1"), "strangers need not know where instances are")
            #expect(bed.gateway.metrics.connectFailures == 2)
        }
    }

    @Test("never more than half of the instances are left out")
    func halfStays() async throws {
        try await withTestBed { bed in
            let port = try RefusingPort.reserve()
            for id in ["a", "b", "c", "d"] { try await bed.register(id: id, port: port) }
            for _ in 0..<12 { #expect(try await bed.send().status == 502) }
            let before = bed.gateway.metrics.connectFailures
            #expect(try await bed.send().status == 502)
            #expect(bed.gateway.metrics.connectFailures > before)
        }
    }

    @Test("a connection that breaks before an answer: another instance for idempotent methods, 502 for others")
    func broken() async throws {
        try await withTestBed { bed in
            let tally = Tally()
            try await bed.instance(id: "a") { exchange in
                tally.add()
                exchange.connection.socket.abort()
            }
            try await bed.instance(id: "b", answering: reflect)
            for method in ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"] {
                for _ in 0..<2 { #expect(try await bed.send(method).status == 200, "\(method)") }
            }
            let before = tally.value
            #expect(before == 5)
            let statuses = [try await bed.send("POST").status, try await bed.send("POST").status]
            #expect(statuses.sorted() == [200, 502])
            #expect(tally.value == before + 1)
        }
    }

    @Test("a connection that the instance closed while it rested is replaced without counting as an attempt")
    func stale() async throws {
        try await withTestBed {
            $0.maximumAttempts = 1
        } _: { bed in
            let tally = Tally()
            try await bed.instance { exchange in
                // Every second request of a connection finds it closed.
                guard tally.add() % 2 == 1 else { return exchange.connection.socket.abort() }
                exchange.respond(200, "text/plain", body: [0x78])
            }
            #expect(try await bed.send().status == 200)
            #expect(try await bed.send().status == 200)
            #expect(bed.gateway.metrics.connects == 2)
            #expect(try await bed.send("POST").status == 502)
        }
    }

    @Test(
        "answers that are no HTTP/1.1 are 502 and not tried elsewhere",
        arguments: [
            "hello\r\n\r\n", "HTTP/1.1 99 X\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 200 OK\nX: 1\n\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nx",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 200 OK\r\nHalf",
            "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        ]
    )
    func malformed(_ text: String) async throws {
        try await withTestBed { bed in
            let tally = Tally()
            for id in ["a", "b"] {
                try await bed.instance(id: id) { exchange in
                    tally.add()
                    exchange.connection.output += Array(text.utf8)
                    exchange.didRespond(isComplete: false)
                }
            }
            let answer = try await bed.send()
            #expect(answer.status == 502 && Self.code(answer) == "protocolViolation")
            #expect(tally.value == 1)
        }
    }

    @Test("no answer in time: another instance for idempotent methods, then 504")
    func late() async throws {
        try await withTestBed {
            $0.attemptTimeout = .seconds(1)
        } _: { bed in
            let tally = Tally()
            try await bed.instance(id: "a") { exchange in
                tally.add()
                let end = Signal()
                await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
            }
            let answer = try await bed.send("POST", body: [1])
            #expect(answer.status == 504 && Self.code(answer) == "timeout")
            try await bed.instance(id: "b", answering: reflect)
            try await bed.awaitInstances(2)
            for _ in 0..<2 { #expect(try await bed.send().status == 200) }
            #expect(tally.value == 2)
        }
    }

    @Test("the time for all attempts together is limited, also when the body took some of it")
    func totalWithBody() async throws {
        try await withTestBed {
            $0.attemptTimeout = .seconds(3600)
            $0.totalTimeout = .seconds(1)
        } _: { bed in
            let begun = Signal()
            try await bed.instance { exchange in
                begun.raise()
                while try await exchange.readPiece({ _ in }) {}
                let end = Signal()
                await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
            }
            let raw = try await bed.open()
            try await raw.send("POST /web/ HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
            await begun.wait()
            try await raw.send("cd")
            #expect(try await raw.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 504 "))
        }
    }

    @Test("a client that takes no interim answers is given up, and no instance is blamed for it")
    func interim() async throws {
        try await withTestBed {
            $0.idleTimeout = .milliseconds(300)
        } _: { bed in
            let tally = Tally()
            let early = Array("HTTP/1.1 103 Early Hints\r\nX: \(String(repeating: "x", count: 16000))\r\n\r\n".utf8)
            for id in ["a", "b"] {
                try await bed.instance(id: id) { exchange in
                    tally.add()
                    while true {
                        exchange.connection.output += early
                        try await exchange.flush()
                    }
                }
            }
            let raw = try await bed.open()
            try await raw.send("GET /web/ HTTP/1.1\r\nHost: a\r\n\r\n")
            try await eventually { tally.value > 0 }
            try await eventually { bed.gateway.metrics.activeRequests == 0 }
            #expect(tally.value == 1)
            #expect(bed.gateway.metrics.retries == 0 && bed.gateway.metrics.problems.isEmpty)
            // Behind the interim answer of which some was sent comes nothing.
            let text = await raw.receiveAll().text
            #expect(text.hasPrefix("HTTP/1.1 103 ") && !text.contains("HTTP/1.1 408"))
        }
    }

    @Test("the time for all attempts together is limited, too")
    func total() async throws {
        try await withTestBed {
            $0.attemptTimeout = .milliseconds(200)
            $0.totalTimeout = .milliseconds(300)
            $0.maximumAttempts = 5
        } _: { bed in
            let tally = Tally()
            for id in ["a", "b", "c", "d"] {
                try await bed.instance(id: id) { exchange in
                    tally.add()
                    let end = Signal()
                    await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
                }
            }
            #expect(try await bed.send().status == 504)
            #expect(tally.value <= 2)
        }
    }

    @Test("without budget a request is not repeated: 503")
    func budget() async throws {
        try await withTestBed {
            $0.retryBudget = .init(share: 0, perSecond: 0)
        } _: { bed in
            try await bed.register(id: "a", port: try RefusingPort.reserve())
            try await bed.instance(id: "b", answering: reflect)
            #expect(try await bed.send().status == 503)
            #expect(bed.gateway.metrics.retriesRefused == 1)
        }
    }

    @Test("more requests at once than the gateway takes: 503")
    func overload() async throws {
        try await withTestBed {
            $0.maximumActiveRequests = 0
        } _: { bed in
            try await bed.instance(answering: reflect)
            #expect(try await bed.send().status == 503)
        }
    }
}
