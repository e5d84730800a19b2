import HTTPEngine
import Rollcall
import RollcallProbes
import RollcallTesting
import Testing

@Suite("Prober and peers that misbehave", .timeLimit(.minutes(2)), .serialized)
struct ProberFaultTests {
    private static func holdOpen(_ connection: HTTPConnection) async throws {
        while try await connection.receive(until: nil) { _ = connection.takeReceived() }
    }

    @Test("targets that accept and never answer cost a slot for the timeout, and others are checked meanwhile")
    func silence() async throws {
        try await withListener(Self.holdOpen) { port in
            try await withServer {
                $0.respond(200, "text/plain", body: [])
            } _: { server, url in
                let configuration = quick {
                    $0.timeout = .seconds(1)
                    $0.concurrency = 4
                }
                try await withProber(configuration) { prober, reports in
                    let silent = try (0..<3).map { number in
                        let scheme = number == 0 ? "grpc" : "http"
                        return try instance("silent-\(number)", at: "\(scheme)://127.0.0.1:\(port)")
                    }
                    prober.track(silent + [try instance("fine", at: url)], of: web)
                    try await eventually { (0..<3).allSatisfy { reports.verdict(of: "silent-\($0)") == .failing } }
                    try await eventually { reports.verdict(of: "fine") == .passing }
                    // Three slots were taken for three timeouts, and the fourth was enough for many checks.
                    #expect(server.requests >= 6)
                    #expect(reports.of("silent-1").last?.message.contains("in time") == true)
                }
            }
        }
    }

    @Test("rubbish fails, whoever sends it", arguments: ["http", "grpc"])
    func rubbish(_ scheme: String) async throws {
        try await withListener { connection in
            _ = try await connection.receive(until: nil)
            try await connection.socket.write([UInt8](repeating: 0xA5, count: 100_000), until: nil)
        } _: { port in
            try await withProber { prober, reports in
                prober.track([try instance("a", at: "\(scheme)://127.0.0.1:\(port)")], of: web)
                try await eventually { reports.verdict(of: "a") == .failing }
            }
        }
    }

    @Test("a head that never ends fails")
    func endlessHead() async throws {
        try await withListener { connection in
            _ = try await connection.receive(until: nil)
            let field = Array("X-Field: \(String(repeating: "a", count: 1000))\r\n".utf8)
            try await connection.socket.write(Array("HTTP/1.1 200 OK\r\n".utf8), until: nil)
            while !Task.isCancelled { try await connection.socket.write(field, until: nil) }
        } _: { port in
            try await withProber { prober, reports in
                prober.track([try instance("a", at: "http://127.0.0.1:\(port)")], of: web)
                try await eventually { reports.verdict(of: "a") == .failing }
            }
        }
    }

    /// Frames that a peer sends after its settings.
    private static let peers: [(String, [HTTP2Frame], ProbeVerdict)] = [
        (
            "serving",
            [.init(kind: 1, flags: 4, stream: 1), .init(kind: 0, stream: 1, payload: [0, 0, 0, 0, 2, 8, 1])], .passing
        ),
        ("not serving", [.init(kind: 0, stream: 1, payload: [0, 0, 0, 0, 2, 8, 2])], .failing),
        ("giant", [.init(kind: 0, stream: 1, payload: [UInt8](repeating: 0, count: 1 << 20))], .failing),
        (
            "much",
            [HTTP2Frame](repeating: .init(kind: 1, stream: 1, payload: [UInt8](repeating: 0, count: 16384)), count: 9),
            .failing
        ),
        (
            "pings", [HTTP2Frame](repeating: .init(kind: 6, payload: [UInt8](repeating: 0, count: 8)), count: 500),
            .failing
        ),
        ("goes away", [.init(kind: 7, payload: [UInt8](repeating: 0, count: 8))], .failing),
        ("resets", [.init(kind: 3, stream: 1, payload: [0, 0, 0, 7])], .failing),
        ("trailers only", [.init(kind: 1, flags: 5, stream: 1)], .failing),
        ("closes", [], .failing),
    ]

    @Test("a peer of HTTP/2 passes with SERVING alone", arguments: peers)
    func peer(_ name: String, _ frames: [HTTP2Frame], _ verdict: ProbeVerdict) async throws {
        try await withListener { connection in
            _ = try await connection.receive(until: nil)
            var bytes: [UInt8] = []
            HTTP2Frame(kind: 4).write(to: &bytes)
            for frame in frames { frame.write(to: &bytes) }
            try await connection.socket.write(bytes, until: nil)
            if !frames.isEmpty { try await Self.holdOpen(connection) }
        } _: { port in
            try await withProber(quick { $0.failureThreshold = 2 }) { prober, reports in
                prober.track([try instance("a", at: "grpc://127.0.0.1:\(port)")], of: web)
                try await eventually { reports.verdict(of: "a") == verdict }
            }
        }
    }

    @Test("no descriptor left is no failure of the instance")
    func descriptors() async throws {
        // An address that this machine has no way to stands for whatever is missing on this side.
        let logged = Tally()
        let log = Log(minimum: .warning) { _, _, _ in logged.add() }
        let configuration = quick {
            $0.failureThreshold = 1
            $0.log = log
        }
        try await withProber(configuration) { prober, reports in
            prober.track([try instance("a", at: "tcp://255.255.255.255:9")], of: web)
            try await eventually { logged.value >= 2 }
            #expect(reports.all.isEmpty)
        }
    }

    @Test("a thousand instances come and go six times, and nothing stays behind")
    func churn() async throws {
        let work = WorkGauge.active
        try await withServer {
            $0.respond(200, "text/plain", body: [])
        } _: { server, url in
            let prober = try Prober(configuration: quick { $0.interval = .seconds(1) })
            let reports = Reports()
            let many = try (0..<1000).map { try instance("a-\($0)", at: url, "tcp\(url.dropFirst(4))") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await prober.run { reports.add($0) } }
                var sizes: [(descriptors: Int, memory: Int)] = []
                for round in 1...6 {
                    prober.track(many, of: web)
                    try await eventually { reports.all.count == 1000 * round }
                    #expect(prober.restingConnections > 0)
                    prober.track([], of: web)
                    try await eventually { prober.activeChecks == 0 && prober.restingConnections == 0 }
                    try await eventually { server.connectionCount == 0 }
                    sizes.append((ProcessResources.descriptorCount, ProcessResources.residentBytes))
                }
                let settled = sizes[2]
                #expect(sizes[5].descriptors <= settled.descriptors + 10)
                #expect(sizes[5].memory <= settled.memory + (8 << 20))
                group.cancelAll()
            }
            #expect(reports.all.allSatisfy { $0.verdict == .passing })
        }
        try await eventually { WorkGauge.active <= work }
    }

    @Test("a run that is cancelled amid checks ends at once and leaves nothing open")
    func cancellation() async throws {
        let work = WorkGauge.active
        try await withListener(Self.holdOpen) { port in
            let prober = try Prober(configuration: quick { $0.timeout = .seconds(60) })
            let many = try ["tcp", "http", "grpc"].flatMap { scheme in
                try (0..<50).map { try instance("\(scheme)-\($0)", at: "\(scheme)://127.0.0.1:\(port)") }
            }
            prober.track(many, of: web)
            let descriptors = ProcessResources.descriptorCount
            let reports = Reports()
            let start = ContinuousClock.now
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await prober.run { reports.add($0) } }
                try await eventually { prober.activeChecks == 64 }
                group.cancelAll()
                try await group.waitForAll()
            }
            #expect(start.duration(to: .now) < .seconds(20))
            #expect(prober.activeChecks == 0 && prober.restingConnections == 0)
            #expect(reports.all.allSatisfy { $0.verdict == .passing })
            try await eventually { ProcessResources.descriptorCount <= descriptors + 10 }
        }
        try await eventually { WorkGauge.active <= work }
    }
}
