import HTTPEngine
import Rollcall
import RollcallProbes
import RollcallTesting
import Testing

@Suite("Prober", .timeLimit(.minutes(2)))
struct ProberTests {
    @Test("http endpoints are asked for the path behind their own, over one connection")
    func http() async throws {
        let (targets, requests) = (Tally(), Tally())
        try await withServer { exchange in
            requests.add()
            if exchange.head.target == "/api/health" { targets.add() }
            exchange.respond(200, "text/plain", body: Array("fine".utf8))
        } _: { server, url in
            try await withProber(quick { $0.path = "/health" }) { prober, reports in
                prober.track([try instance("a", at: url + "/api")], of: web)
                try await eventually { requests.value >= 5 }
                #expect(reports.all.map(\.verdict) == [.passing])
                #expect(reports.all.first?.message == "status 200")
                #expect(server.connectionCount == 1)
                #expect(targets.value == requests.value)
            }
            try await eventually { server.connectionCount == 0 }
        }
    }

    @Test("a status from 200 to 399 passes, any other fails", arguments: [200, 204, 302, 399, 400, 404, 500, 503])
    func status(_ status: Int) async throws {
        try await withServer {
            $0.respond(status, "text/plain", body: [])
        } _: { _, url in
            try await withProber(quick { $0.failureThreshold = 1 }) { prober, reports in
                prober.track([try instance("a", at: url)], of: web)
                try await eventually { !reports.all.isEmpty }
                #expect(reports.all.first?.verdict == (status < 400 ? .passing : .failing))
                #expect(status < 400 || reports.all.first?.message.hasSuffix("\(status)") == true)
            }
        }
    }

    @Test("a long body costs the connection, not the verdict")
    func longBody() async throws {
        try await withServer {
            $0.respond(200, "text/plain", body: [UInt8](repeating: 97, count: 1 << 20))
        } _: { server, url in
            try await withProber { prober, reports in
                prober.track([try instance("a", at: url)], of: web)
                try await eventually { server.requests >= 4 }
                #expect(reports.all.map(\.verdict) == [.passing])
                #expect(prober.restingConnections == 0)
            }
        }
    }

    @Test("a server that closes its connections between checks passes all the same")
    func closingServer() async throws {
        let connections = Tally()
        try await withListener { connection in
            connections.add()
            _ = try await connection.receive(until: nil)
            try await connection.socket.write(Array("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".utf8), until: nil)
        } _: { port in
            try await withProber { prober, reports in
                prober.track([try instance("a", at: "http://127.0.0.1:\(port)")], of: web)
                try await eventually { connections.value >= 5 }
                #expect(reports.all.map(\.verdict) == [.passing])
            }
        }
    }

    @Test("tcp, https and unknown schemes are connected to; unix is not checked", arguments: ["tcp", "https", "redis"])
    func connecting(_ scheme: String) async throws {
        let connections = Tally()
        try await withListener { _ in
            connections.add()
        } _: { port in
            try await withProber { prober, reports in
                let url = "\(scheme)://127.0.0.1:\(port)"
                prober.track([try instance("a", at: url), try instance("b", at: "unix:///no/such")], of: web)
                try await eventually { connections.value >= 3 }
                #expect(reports.all.map(\.verdict) == [.passing])
                #expect(reports.of("b").isEmpty)
            }
        }
    }

    @Test("of an https endpoint only the connection is checked, whatever the kind", arguments: [0, 1])
    func forcedKinds(_ number: Int) async throws {
        try await withListener { _ in
        } _: { port in
            let kind: ProbeConfiguration.Kind = number == 0 ? .http(path: "/") : .grpc()
            try await withProber(quick(kind)) { prober, reports in
                prober.track([try instance("a", at: "https://127.0.0.1:\(port)")], of: web)
                try await eventually { reports.verdict(of: "a") == .passing }
            }
        }
    }

    @Test("a name is looked up, and one that does not exist fails")
    func names() async throws {
        try await withServer {
            $0.respond(200, "text/plain", body: [])
        } _: { server, _ in
            try await withProber(quick { $0.failureThreshold = 1 }) { prober, reports in
                prober.track([try instance("a", at: "http://localhost:\(server.address.port)")], of: web)
                try await eventually { reports.verdict(of: "a") == .passing }
            }
        }
    }

    @Test("a port that refuses fails after three checks, and what flaps is told each time")
    func flapping() async throws {
        let refusing = try RefusingPort.reserve()
        let isUp = Flag()
        try await withServer { exchange in
            exchange.respond(isUp.value ? 200 : 500, "text/plain", body: [])
        } _: { _, url in
            try await withProber { prober, reports in
                let dead = try instance("dead", at: "http://127.0.0.1:\(refusing)")
                prober.track([dead, try instance("flaps", at: url)], of: web)
                for _ in 0..<3 {
                    try await eventually { reports.verdict(of: "flaps") == .failing }
                    isUp.set(true)
                    try await eventually { reports.verdict(of: "flaps") == .passing }
                    isUp.set(false)
                }
                try await eventually { reports.verdict(of: "dead") == .failing }
                let story = reports.of("dead")
                #expect(story.map(\.verdict) == [.unknown, .failing])
                #expect(story.map(\.failures) == [1, 3])
                #expect(story.last?.message.contains("refused") == true)
                // Each change of the verdict once, with the first failure before.
                let verdicts = reports.of("flaps").map { "\($0.verdict.rawValue) \($0.failures)" }
                #expect(verdicts.prefix(4) == ["unknown 1", "failing 3", "passing 0", "passing 1"])
            }
        }
    }

    @Test("a second run is refused while the first runs, and a later one begins anew")
    func runs() async throws {
        let work = WorkGauge.active
        let prober = try Prober(configuration: quick())
        let port = try RefusingPort.reserve()
        prober.track([try instance("a", at: "tcp://127.0.0.1:\(port)")], of: web)
        for _ in 0..<2 {
            let reports = Reports()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try? await prober.run { reports.add($0) } }
                try await eventually { reports.verdict(of: "a") == .failing }
                do throws(BackendError) {
                    try await prober.run { _ in }
                    Issue.record("a second run must be refused")
                } catch {
                    #expect(error.code == .alreadyRunning)
                }
                group.cancelAll()
            }
            #expect(reports.all.map(\.failures) == [1, 3])
            #expect(prober.activeChecks == 0)
        }
        try await eventually { WorkGauge.active <= work }
    }
}
