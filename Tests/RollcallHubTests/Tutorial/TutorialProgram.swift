import HTTPEngine
import Rollcall
import RollcallHub
import Synchronization

/// A program that speaks the tutorial's protocol as its clients do: it answers heart-beats and keeps a list of what it
/// is told, without looking whether something is in it twice.
final class TutorialProgram: Sendable {
    private struct State {
        var known: [String] = []
        var pushes: [String] = []
        var failuresLeft = 0
        var beats = 0
    }

    private final class Memory: Sendable {
        let state = Mutex(State())
    }

    private let memory: Memory
    private let server: HTTPServer

    /// Listens on a free port.
    ///
    /// - Parameter pushFailures: How many pushes to answer with 500 first.
    /// - Throws: When no port is free.
    init(pushFailures: Int = 0) throws {
        let memory = Memory()
        memory.state.withLock { $0.failuresLeft = pushFailures }
        self.memory = memory
        self.server = try HTTPServer(host: "127.0.0.1", port: 0) { exchange in
            try await Self.answer(exchange, memory)
        }
    }

    var address: String { self.server.address.description }
    /// The addresses that it would call, in the order in which it was told.
    var known: [String] { self.memory.state.withLock { $0.known } }
    /// What it was told, in order.
    var pushes: [String] { self.memory.state.withLock { $0.pushes } }
    var beats: Int { self.memory.state.withLock { $0.beats } }

    func run() async { await self.server.run() }

    func document(_ name: String, requires: [String] = []) -> [UInt8] {
        let list = requires.map { "\"\($0)\"" }.joined(separator: ",")
        return Array(#"{"Name":"\#(name)","Addr":"\#(self.address)","RequiredServices":[\#(list)]}"#.utf8)
    }

    private static func answer(_ exchange: HTTPExchange, _ memory: Memory) async throws {
        guard exchange.head.path != "/heart-beat" else {
            memory.state.withLock { $0.beats += 1 }
            return exchange.respond(200)
        }
        let body = try await exchange.readBody(limit: 65536)
        var address = ""
        var reader = JSONReader(body)
        try reader.object { (reader, name) throws(ValidationError) in
            if name == "Addr" { address = try reader.string() } else { try reader.skip() }
        }
        let method = exchange.head.method
        let isTaken = memory.state.withLock { state in
            guard state.failuresLeft == 0 else {
                state.failuresLeft -= 1
                return false
            }
            state.pushes.append("\(method) \(address)")
            if method == "POST" { state.known.append(address) } else { state.known.removeAll { $0 == address } }
            return true
        }
        exchange.respond(isTaken ? 200 : 500)
    }
}

/// A hub on a free port that looks at such programs often, for as long as `body` runs.
func withTutorialHub(
    period: Duration = .milliseconds(200),
    _ body: @escaping @Sendable (HubServer, HTTPClient, Origin) async throws -> Void
) async throws {
    var configuration = HubServer.Configuration(port: 0)
    configuration.heartbeats.period = period
    configuration.heartbeats.attemptPause = .milliseconds(20)
    configuration.heartbeats.firstCheck = .milliseconds(50)
    configuration.heartbeats.timeout = .milliseconds(500)
    let hub = try HubServer(configuration)
    let client = try HTTPClient()
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await hub.run() }
        defer { group.cancelAll() }
        try await body(hub, client, Origin(host: "127.0.0.1", port: hub.port))
    }
}

/// Runs a program for as long as `body` runs.
func running<Value: Sendable>(
    _ program: TutorialProgram,
    _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await program.run() }
        defer { group.cancelAll() }
        return try await body()
    }
}
