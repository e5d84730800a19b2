import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallHub

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What the demonstration does with its parts, and what it tells about that.
struct DemoStory: Sendable {
    private static let service = ServiceName.trusting("hello")

    private let system: DemoSystem
    private let http: HTTPClient
    private let origin: Origin

    init(_ system: DemoSystem) throws {
        self.system = system
        self.http = try HTTPClient()
        self.origin = try Origin(system.gateway.address)
    }

    private var terminal: Terminal { self.system.context.terminal }
    private var clock: TimeSource { self.http.clock }

    /// Says where everything is.
    func introduce() throws {
        try self.terminal.line(Cell("hub", .bold), "      \(self.system.hub.url)   console \(self.system.hub.url)/")
        try self.terminal.line(Cell("gateway", .bold), "  \(self.system.gateway.address.description)")
        try self.terminal.line(Cell("log", .bold), "      appends to \(self.system.logFile)")
        try self.terminal.line(Cell("visit", .bold), "    counts visits, and has each logged")
        try self.terminal.line(Cell("hello", .bold), "    two processes, 'one' and 'two', which register themselves")
    }

    /// Calls both by the service's name.
    ///
    /// - Returns: How many calls failed.
    func alternation() async throws -> Int {
        try await self.waitForProviders(2)
        var tally = Tally()
        for index in 0..<200 {
            let answer = await self.call("/hello/")
            tally.note(answer)
            if index < 4 { try self.terminal.line("  GET /hello/   \(answer ?? "failed")") }
        }
        try self.terminal.line("200 requests through the gateway: ", tally.text)
        return tally.failures
    }

    /// Visits the visit service, and looks for the numbers in the log.
    ///
    /// - Returns: How many calls failed, a number that is not logged in time counted.
    func visits() async throws -> Int {
        var numbers: [String] = []
        for _ in 0..<3 {
            guard let answer = await self.call("/visit/") else { return 1 }
            numbers.append(answer)
        }
        try self.terminal.line(Cell("3 visits through the gateway, answered with \(numbers.joined(separator: ", "))"))
        let start = self.clock.now
        while start.duration(to: self.clock.now) < .seconds(5) {
            let log = (try? String(contentsOfFile: self.system.logFile, encoding: .utf8)) ?? ""
            let lines = log.split(separator: "\n")
            if numbers.allSatisfy({ number in lines.contains { $0.hasSuffix(" \(number)") } }) {
                for line in lines.suffix(3) { try self.terminal.line(Cell("  \(line)")) }
                return 0
            }
            try await self.clock.pause(for: .milliseconds(20))
        }
        try self.terminal.line(Cell("the numbers are not in the log", .red))
        return 1
    }

    /// Kills one, and goes on calling until it has left and for a while after.
    ///
    /// - Returns: How many calls failed.
    func death(of provider: ChildProcess) async throws -> Int {
        var tally = Tally()
        let start = self.clock.now
        provider.signal(ReceivedSignal.kill.number)
        try self.terminal.line(Cell("killed 'one' with SIGKILL", .yellow), "; requests go on")
        var left: Duration?
        var calls = 0
        while calls < 400 || left == nil, start.duration(to: self.clock.now) < .seconds(20) {
            tally.note(await self.call("/hello/"))
            calls += 1
            if left == nil, try await self.instances() == ["two"] { left = start.duration(to: self.clock.now) }
            try await self.clock.pause(for: .milliseconds(5))
        }
        if let left {
            try self.terminal.line(
                "the registry dropped it \(left.inMilliseconds) after its end: its time-to-live ran out"
            )
        } else {
            try self.terminal.line(Cell("the registry still lists it", .red))
            tally.note(nil)
        }
        try self.terminal.line("\(calls) requests meanwhile: ", tally.text)
        return tally.failures
    }

    /// Says how it went.
    func conclude(failures: Int) throws {
        guard failures == 0 else { return try self.terminal.line(Cell("\(failures) requests failed", .red)) }
        try self.terminal.line(Cell("no request failed", .green))
        try self.terminal.line("try: curl \(self.system.gateway.address.description)/hello/")
        try self.terminal.line("     rollcall instances hello --backend hub\(String(self.system.hub.url.dropFirst(4)))")
    }

    private func call(_ target: String) async -> String? {
        let response = try? await self.http.send(
            HTTPClient.Request("GET", target, at: self.origin),
            within: .seconds(5)
        )
        guard let response, response.status == 200 else { return nil }
        return String(decoding: response.body.prefix { $0 != 0x0A }, as: UTF8.self)
    }

    private func instances() async throws -> [String] {
        try await self.system.client.registry.instances(of: Self.service).instances.map(\.id.text)
    }

    private func waitForProviders(_ count: Int) async throws {
        let start = self.clock.now
        while try await self.instances().count < count {
            guard start.duration(to: self.clock.now) < .seconds(10) else {
                throw CommandFailure(
                    "the services 'hello' did not register within 10 s",
                    advice: ["--verbose says more"],
                    exitCode: .notThere
                )
            }
            try await self.clock.pause(for: .milliseconds(20))
        }
        // The gateway learns of them by its own watch.
        while try await self.system.client.discovery.snapshot(of: Self.service).instances.count < count {
            try await self.clock.pause(for: .milliseconds(5))
        }
    }
}

/// Who answered how often.
private struct Tally {
    private var counts: [String: Int] = [:]
    private(set) var failures = 0

    mutating func note(_ answer: String?) {
        if let answer { self.counts[answer, default: 0] += 1 } else { self.failures += 1 }
    }

    var text: Cell {
        let parts =
            self.counts.sorted { $0.key < $1.key }.map { "\($0.value) × \($0.key)" } + ["\(self.failures) failed"]
        return Cell(parts.joined(separator: ", "))
    }
}
