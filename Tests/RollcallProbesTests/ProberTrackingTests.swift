import HTTPEngine
import Rollcall
import RollcallProbes
import RollcallTesting
import Testing

@Suite("Prober and what it is told", .timeLimit(.minutes(1)))
struct ProberTrackingTests {
    @Test("checks stop when the instance is gone, and start again at once when it is back")
    func departure() async throws {
        let clock = ManualClock()
        try await withServer {
            $0.respond(200, "text/plain", body: [])
        } _: { server, url in
            let configuration = ProbeConfiguration(jitter: 0, clock: TimeSource(clock))
            try await withProber(configuration) { prober, reports in
                let instance = try instance("a", at: url)
                prober.track([instance], of: web)
                try await eventually { reports.all.count == 1 }
                prober.track([], of: web)
                try await eventually { server.connectionCount == 0 }
                clock.advance(by: .seconds(60))
                #expect(server.requests == 1)
                prober.track([instance], of: web)
                try await eventually { reports.all.count == 2 }
                #expect(server.requests == 2)
                #expect(reports.all.map(\.checkedAt.elapsed) == [.zero, .seconds(60)])
            }
        }
    }

    @Test("a check comes at each interval of the clock that was given")
    func interval() async throws {
        let clock = ManualClock()
        try await withServer {
            $0.respond(500, "text/plain", body: [])
        } _: { server, url in
            let configuration = ProbeConfiguration(jitter: 0, clock: TimeSource(clock))
            try await withProber(configuration) { prober, reports in
                prober.track([try instance("a", at: url)], of: web)
                for number in 1...4 {
                    try await eventually { server.requests == number }
                    // It sleeps again, and so has taken note of the check.
                    try await eventually { prober.activeChecks == 0 }
                    await clock.waitForSleepers()
                    clock.advance(by: .milliseconds(4900))
                    #expect(server.requests == number)
                    clock.advance(by: .milliseconds(100))
                }
                try await eventually { reports.verdict(of: "a") == .failing }
                #expect(reports.all.map(\.checkedAt.elapsed) == [.zero, .seconds(10)])
            }
        }
    }

    @Test("a changed address is checked at once, and the answer of the former one, when it comes, is dropped")
    func changedAddress() async throws {
        let isAsked = Flag()
        let release = Signal()
        try await withServer { exchange in
            isAsked.set(true)
            await release.wait()
            exchange.respond(500, "text/plain", body: [])
        } _: { _, slow in
            try await withServer {
                $0.respond(200, "text/plain", body: [])
            } _: { _, fine in
                let configuration = quick {
                    $0.failureThreshold = 1
                    $0.interval = .seconds(30)
                    $0.timeout = .seconds(20)
                }
                try await withProber(configuration) { prober, reports in
                    prober.track([try instance("a", at: slow)], of: web)
                    try await eventually { isAsked.value }
                    prober.track([try instance("a", at: fine)], of: web)
                    try await eventually { reports.verdict(of: "a") == .passing }
                    release.raise()
                    try await eventually { prober.activeChecks == 0 }
                    #expect(reports.all.map(\.verdict) == [.passing])
                }
            }
        }
    }

    @Test("what is told before the run is checked when it begins, however many tell it")
    func manyTellers() async throws {
        try await withServer {
            $0.respond(200, "text/plain", body: [])
        } _: { _, url in
            try await withProber { prober, reports in
                await withDiscardingTaskGroup { group in
                    for number in 0..<200 {
                        group.addTask {
                            guard let service = try? ServiceName("web-\(number)"),
                                let instance = try? instance("a", of: "web-\(number)", at: url)
                            else { return }
                            prober.track([instance], of: service)
                        }
                    }
                }
                try await eventually { reports.all.count == 200 }
                #expect(Set(reports.all.map(\.service)).count == 200)
                #expect(reports.all.allSatisfy { $0.verdict == .passing })
            }
        }
    }
}
