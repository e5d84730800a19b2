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
        let beat: @Sendable (Int) async -> Int
        let push: @Sendable (String) async -> Int

        init(beat: @escaping @Sendable (Int) async -> Int, push: @escaping @Sendable (String) async -> Int) {
            self.beat = beat
            self.push = push
        }
    }

    private let memory: Memory
    private let server: HTTPServer

    /// Listens on a free port.
    ///
    /// - Parameters:
    ///   - pushFailures: How many pushes to answer with 500 first, without taking them.
    ///   - beat: The status that answers a heart-beat, by its number from 1.
    ///   - push: The status that answers a push, such as `POST 127.0.0.1:80`, once it was taken.
    /// - Throws: When no port is free.
    init(
        pushFailures: Int = 0,
        beat: @escaping @Sendable (Int) async -> Int = { _ in 200 },
        push: @escaping @Sendable (String) async -> Int = { _ in 200 }
    ) throws {
        let memory = Memory(beat: beat, push: push)
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

    /// Answers that many pushes with 500, without taking them.
    func refusePushes(_ count: Int) { self.memory.state.withLock { $0.failuresLeft = count } }

    func run() async { await self.server.run() }

    func document(_ name: String, requires: [String] = []) -> [UInt8] {
        let list = requires.map { "\"\($0)\"" }.joined(separator: ",")
        return Array(#"{"Name":"\#(name)","Addr":"\#(self.address)","RequiredServices":[\#(list)]}"#.utf8)
    }

    private static func answer(_ exchange: HTTPExchange, _ memory: Memory) async throws {
        guard exchange.head.path != "/heart-beat" else {
            let number = memory.state.withLock { state in
                state.beats += 1
                return state.beats
            }
            return exchange.respond(await memory.beat(number))
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
        exchange.respond(isTaken ? await memory.push("\(method) \(address)") : 500)
    }
}

/// A hub on a free port that looks at such programs often, for as long as `body` runs.
func withTutorialHub(
    period: Duration = .milliseconds(200),
    folder: String? = nil,
    configure: (inout HeartbeatConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (HubServer, HTTPClient, Origin) async throws -> Void
) async throws {
    var configuration = HubServer.Configuration(port: 0, folder: folder)
    configuration.heartbeats.period = period
    configuration.heartbeats.attemptPause = .milliseconds(20)
    configuration.heartbeats.firstCheck = .milliseconds(50)
    configuration.heartbeats.timeout = .milliseconds(500)
    configure(&configuration.heartbeats)
    let hub = try HubServer(configuration)
    let client = try HTTPClient()
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await hub.run() }
        defer { group.cancelAll() }
        try await body(hub, client, Origin(host: "127.0.0.1", port: hub.port))
    }
}

/// Sends a document to `/services` of a hub.
func post(
    _ document: [UInt8],
    _ client: HTTPClient,
    _ hub: Origin,
    method: String = "POST"
) async throws -> (status: Int, text: String) {
    let request = HTTPClient.Request(method, "/services", at: hub, body: document)
    let response = try await client.send(request, within: .seconds(30))
    return (response.status, String(decoding: response.body, as: UTF8.self))
}

extension HubServer {
    /// The ids of a service's instances, in order.
    func ids(of service: String) throws -> [String] {
        try self.store.instances(of: ServiceName(service), in: .default).instances.map(\.id.text)
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
