import HTTPEngine
import Rollcall
import RollcallHubClient
import Testing

@Suite("Hub driver: what answers mean", .timeLimit(.minutes(2)), .serialized)
struct HubErrorTests {
    @Test("the code of a problem is the code of the error, whatever the status", arguments: DriverCall.allCases)
    func codes(_ call: DriverCall) async throws {
        let codes = BackendError.Code.all.filter { $0 != .cancelled }
        for code in codes {
            try await withFakeHub { exchange in
                exchange.respond(Problem(status: 418, code: code, "because"))
            } _: { backend in
                let error = await #expect(throws: BackendError.self) { try await call.run(backend) }
                #expect(error?.code == code)
                #expect(error?.message == "because")
                #expect(error?.backend == "hub")
                #expect(error?.operation?.isEmpty == false)
                #expect(error?.applied == .no, "a hub that says no has not done it")
            }
        }
    }

    @Test("a hub cannot cancel a caller's task")
    func cancelledByTheHub() async throws {
        try await withFakeHub { exchange in
            exchange.respond(Problem(status: 500, code: .cancelled, "because"))
        } _: { backend in
            let error = await #expect(throws: BackendError.self) { try await backend.services() }
            #expect(error?.code == .protocolViolation)
        }
    }

    @Test("nobody listens: unavailable, and surely not applied", arguments: DriverCall.allCases)
    func refused(_ call: DriverCall) async throws {
        let listener = try TCPListener(host: "127.0.0.1", port: 0)
        let port = listener.address.port
        listener.close()
        let backend = try HubBackend(url: "hub://127.0.0.1:\(port)")
        let error = await #expect(throws: BackendError.self) { try await call.run(backend) }
        #expect(error?.code == .unavailable)
        #expect(error?.applied == .no)
        let health = await backend.health()
        #expect(!health.isReachable && !health.canRead && !health.canWrite)
        #expect(health.error == .unavailable)
        #expect(health.message?.contains("Connection refused") == true)
    }

    @Test(
        "a hub that says that it cannot be written is taken at its word",
        arguments: [(#","writable":false"#, false), (#","writable":true"#, true), ("", true)]
    )
    func writable(_ member: String, _ canWrite: Bool) async throws {
        try await withFakeHub { exchange in
            exchange.respond(200, "application/json", body: Array(#"{"version":"1.0.0"\#(member)}"#.utf8))
        } _: { backend in
            let health = await backend.health()
            #expect(health.isReachable && health.canRead)
            #expect(health.canWrite == canWrite)
            #expect((health.message == nil) == canWrite)
            #expect(health.serverVersion == "1.0.0")
        }
    }

    @Test("no answer in time: a timeout, of which a change may have been applied", arguments: DriverCall.allCases)
    func timeout(_ call: DriverCall) async throws {
        try await withFakeHub(timeout: .milliseconds(300)) { exchange in
            // Until the client gives up.
            let end = Signal()
            await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
        } _: { backend in
            let start = ContinuousClock.now
            let error = await #expect(throws: BackendError.self) { try await call.run(backend) }
            #expect(error?.code == .timeout)
            #expect(error?.applied == (call.changes ? .unknown : .no))
            #expect(start.duration(to: .now) < .seconds(5))
        }
    }

    @Test("an answer that goes on too slowly is a timeout, too")
    func slowBody() async throws {
        try await withFakeHub(timeout: .milliseconds(300)) { exchange in
            try await exchange.beginStream(200, "application/json")
            while true {
                try await exchange.send([0x20])
                await Task.yield()
            }
        } _: { backend in
            let error = await #expect(throws: BackendError.self) { try await backend.services() }
            #expect(error?.code == .timeout || error?.code == .protocolViolation)
        }
    }

    private static let html = Array("<!doctype html><title>Welcome to nginx!</title>".utf8)

    private static let anywhere = ["", "<!doctype html>", "{", "{}", "{}x", "[]", "null", "7", "\u{0}\u{1}"]

    @Test(
        "rubbish instead of a document",
        arguments: [
            (
                .register,
                [
                    #"{"lease":{}}"#, #"{"lease":[]}"#, #"{"lease":{"secret":7}}"#, #"{"lease":{"secret":"s"}}"#,
                    #"{"lease":{"secret":"s","ttl":"soon"}}"#,
                ]
            ), (.resume, [#"{"ttl":5}"#, #"{"ttl":"soon"}"#]),
            (.services, [#"{"services":1}"#, #"{"services":[{}]}"#, #"{"services":[[]]}"#, #"{"services":null}"#]),
            (
                .instances,
                [
                    #"{"instances":[]}"#, #"{"revision":1}"#, #"{"revision":1,"instances":[{}]}"#,
                    #"{"revision":1,"instances":{}}"#, #"{"revision":-1,"instances":[]}"#,
                    #"{"revision":1,"instances":[null]}"#, #"{"service":"other","revision":1,"instances":[]}"#,
                ]
            ), (.amend, [#"{"endpoints":[]}"#, #"{"service":"other","id":"a","endpoints":["http://a:1"]}"#]),
        ] as [(DriverCall, [String])]
    )
    func rubbish(_ call: DriverCall, _ own: [String]) async throws {
        for body in Self.anywhere + own {
            try await withFakeHub { exchange in
                exchange.respond(200, "application/json", body: Array(body.utf8))
            } _: { backend in
                let error = await #expect(throws: BackendError.self, "\(body)") { try await call.run(backend) }
                #expect(error?.code == .protocolViolation, "\(body)")
            }
        }
    }

    @Test("a server that is no hub", arguments: DriverCall.allCases)
    func noHub(_ call: DriverCall) async throws {
        let statuses: [(Int, BackendError.Code)] = [
            (301, .protocolViolation), (302, .protocolViolation), (400, .protocolViolation), (401, .protocolViolation),
            (404, .protocolViolation), (405, .protocolViolation), (500, .protocolViolation), (502, .unavailable),
            (503, .unavailable),
        ]
        for (status, code) in statuses {
            try await withFakeHub { exchange in
                exchange.respond(status, "text/html", body: Self.html)
            } _: { backend in
                let error = await #expect(throws: BackendError.self) { try await call.run(backend) }
                #expect(error?.code == code)
                #expect(error?.message.contains("is that address a hub?") == true)
                #expect(error?.applied == .unknown)
            }
        }
        if call != .remove {
            try await withFakeHub { exchange in
                exchange.respond(200, "text/html", body: Self.html)
            } _: { backend in
                let error = await #expect(throws: BackendError.self) { try await call.run(backend) }
                #expect(error?.code == .protocolViolation)
            }
        }
    }

    @Test(
        "what is no HTTP",
        arguments: [
            ("SSH-2.0-OpenSSH_9.9\r\n\r\n", .protocolViolation), ("\u{15}\u{3}\u{1}\r\n\r\n", .protocolViolation),
            ("HTTP/1.1 2x0 OK\r\n\r\n", .protocolViolation), ("HTTP/1.1 200 OK\nA: b\n\n", .protocolViolation),
            ("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", .protocolViolation),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", .protocolViolation),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", .protocolViolation),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}x\r\n", .protocolViolation),
            ("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"services\":[", .unavailable),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", .unavailable), ("", .unavailable),
            ("HTTP/1.1 200", .unavailable), ("HTTP/1.1 200 OK\r\nX: y", .unavailable),
        ] as [(String, BackendError.Code)]
    )
    func noHTTP(_ text: String, _ code: BackendError.Code) async throws {
        try await withRawHub(Array(text.utf8)) { backend in
            for call in DriverCall.allCases {
                let error = await #expect(throws: BackendError.self) { try await call.run(backend) }
                #expect(error?.code == code, "\(call): \(String(describing: error))")
                #expect(error?.applied == (call.changes ? .unknown : .no))
            }
        }
    }

    @Test("an answer without end is not read to its end")
    func huge() async throws {
        try await withFakeHub { exchange in
            try await exchange.beginStream(200, "application/json")
            let piece = [UInt8](repeating: 0x20, count: 1 << 16)
            while true { try await exchange.send(piece) }
        } _: { backend in
            let error = await #expect(throws: BackendError.self) { try await backend.services() }
            #expect(error?.code == .protocolViolation)
        }
    }

    @Test("a lease tells why it is over, and after its revocation calls nobody")
    func lease() async throws {
        try await withFakeHub { exchange in
            switch (exchange.head.method, exchange.head.path) {
            case ("PUT", let path) where !path.hasSuffix("/lease"):
                exchange.respond(200, "application/json", body: Array(#"{"lease":{"secret":"s","ttl":"1s"}}"#.utf8))
            case ("DELETE", _): exchange.respond(204)
            default: exchange.respond(Problem(status: 409, code: .displaced, "another process registered the same id"))
            }
        } _: { backend in
            let lease = try await backend.register(.sample("a"), ttl: .seconds(1))
            #expect(lease.ttl == .seconds(1))
            #expect(lease.token.secret == "s")
            #expect(!"\(lease.token)".contains("s)"))
            let late = await #expect(throws: BackendError.self) { try await lease.renew() }
            #expect(late?.code == .displaced)
            let end = await #expect(throws: BackendError.self) { try await lease.keepAlive() }
            #expect(end?.code == .displaced)
            let other = await #expect(throws: BackendError.self) { try await lease.update(.sample("b")) }
            #expect(other?.code == .invalidArgument)
            try await lease.revoke()
            try await lease.revoke()
            let closed = await #expect(throws: BackendError.self) { try await lease.renew() }
            #expect(closed?.code == .closed)
            let update = await #expect(throws: BackendError.self) { try await lease.update(.sample("a")) }
            #expect(update?.code == .closed)
        }
    }

    @Test("a second run is refused while the first runs")
    func run() async throws {
        let backend = try HubBackend(url: "hub://127.0.0.1:1")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await backend.run() }
            group.addTask { try await backend.run() }
            let error = await #expect(throws: BackendError.self) { try await group.next() }
            #expect(error?.code == .alreadyRunning)
            group.cancelAll()
            try await group.waitForAll()
        }
    }
}
