import HTTPEngine
import Rollcall
import RollcallService
import RollcallTesting
import Testing

private struct Fault: Error, CustomStringConvertible {
    let description: String
}

/// A server that does nothing but say what it is told to.
private final class FakeServer: ServiceServer {
    let record: Record
    let faults: [String: Fault]
    let onServe: @Sendable () async -> Void
    private let stopped = Signal()

    init(_ record: Record, faults: [String: Fault] = [:], onServe: (@Sendable () async -> Void)? = nil) {
        self.record = record
        self.faults = faults
        let stopped = self.stopped
        self.onServe = onServe ?? { await stopped.wait() }
    }

    func listen() async throws -> [Endpoint] {
        self.record.add("listen")
        if let fault = self.faults["listen"] { throw fault }
        return [try Endpoint("http://127.0.0.1:9")]
    }

    func serve() async throws {
        self.record.add("serve")
        await self.onServe()
        self.record.add("served")
        if let fault = self.faults["serve"] { throw fault }
    }

    func stop(within limit: Duration) async throws {
        self.record.add("stop")
        self.stopped.raise()
        if let fault = self.faults["stop"] { throw fault }
    }
}

@Suite("Service runner", .timeLimit(.minutes(1)))
struct ServiceRunnerTests {
    private static func name(_ text: String = "web") throws -> ServiceName { try ServiceName(text) }

    /// A runner of a real server on a free port.
    private static func runner(
        _ client: RollcallClient,
        _ configuration: ServiceRunnerConfiguration = quickly(),
        host: String = "127.0.0.1",
        port: Int = 0,
        handler: @escaping HTTPServer.Handler = { $0.respond(200) }
    ) throws -> ServiceRunner {
        ServiceRunner(
            service: try Self.name(),
            client: client,
            configuration: configuration,
            host: host,
            port: port,
            handler: handler
        )
    }

    private static func failures(of runner: ServiceRunner) async -> [String] {
        do {
            try await runner.run()
            return []
        } catch let error as ServiceRunError {
            return error.failures.map { "\($0.stage.rawValue): \($0.error)" }
        } catch {
            return ["\(error)"]
        }
    }

    @Test("prepares, listens, registers, serves through the drain, deregisters, stops: in that order, without error")
    func order() async throws {
        let record = Record()
        let backend = MemoryBackend()
        try await withRollcallClient(RollcallClient(registry: backend)) { client in
            var configuration = quickly()
            configuration.prepare = { record.add("prepare") }
            let server = FakeServer(record)
            let runner = ServiceRunner(
                service: try Self.name(),
                client: client,
                configuration: configuration,
                server: server
            )
            let service = runner.service
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await backend.watch(service) { snapshot in
                        for instance in snapshot.instances { record.add(instance.status.rawValue) }
                        if snapshot.instances.isEmpty { record.add("nobody") }
                    }
                }
                try await eventually { record.all == ["nobody"] }
                try await withRunner(runner) { _ in
                    try await eventually { record.all.contains("passing") }
                }
                try await eventually { record.all.last == "served" }
                group.cancelAll()
                while let end = await group.nextResult() { #expect(throws: BackendError.self) { try end.get() } }
            }
            let expected = ["prepare", "listen", "passing", "maintenance", "stop", "served"]
            let places = expected.map { record.all.firstIndex(of: $0) }
            #expect(places.allSatisfy { $0 != nil }, "\(record.all)")
            #expect(places.compactMap(\.self) == places.compactMap(\.self).sorted(), "\(record.all)")
            let instances = try await backend.instances(of: service).instances
            #expect(instances.isEmpty)
            let gone = record.all.lastIndex(of: "nobody")
            let stopped = record.all.firstIndex(of: "stop")
            #expect((gone ?? .max) < (stopped ?? 0), "deregistered before the server stops: \(record.all)")
        }
    }

    @Test("a real server answers while it is being taken out, and its requests under way end")
    func drain() async throws {
        let (entered, release) = (Signal(), Signal())
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            let runner = try Self.runner(client) { exchange in
                entered.raise()
                await release.wait()
                exchange.respond(200, "text/plain", body: Array("late".utf8))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                try await runner.waitUntilRegistered()
                let endpoint = try await client.discovery.instance(of: runner.service).endpoint
                #expect(endpoint == runner.endpoints.first)
                async let answer = fetch("/", at: endpoint)
                await entered.wait()
                runner.beginShutdown()
                try await eventually { try await client.registry.instances(of: runner.service).instances.isEmpty }
                release.raise()
                let body = try await answer.body
                #expect(body == "late")
                try await group.waitForAll()
            }
        }
    }

    @Test("a request that does not end is cut short at the limit")
    func stopLimit() async throws {
        let entered = Signal()
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            var configuration = quickly()
            configuration.stopLimit = .milliseconds(50)
            let runner = try Self.runner(client, configuration) { exchange in
                entered.raise()
                _ = try await exchange.readBody(limit: 1 << 20)
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                try await runner.waitUntilRegistered()
                let origin = try Origin(#require(runner.endpoints.first))
                group.addTask {
                    let socket = try await ConnectionPool(loop: EventLoops.running().next()).connect(to: origin)
                    defer { socket.close() }
                    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
                    try await socket.write(Array(head.utf8), until: nil)
                    // The body never comes; the server closes in the end.
                    let connection = HTTPConnection(socket)
                    while (try? await connection.receive(until: nil)) == true {}
                }
                await entered.wait()
                runner.beginShutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test("errors of every stage are told together, and by their stage")
    func failures() async throws {
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            for stage in ["listen", "serve", "stop"] {
                let record = Record()
                let server = FakeServer(record, faults: [stage: Fault(description: "no luck")])
                let runner = ServiceRunner(
                    service: try Self.name(),
                    client: client,
                    configuration: quickly(),
                    server: server
                )
                async let failures = Self.failures(of: runner)
                try? await runner.waitUntilRegistered()
                runner.beginShutdown()
                #expect(await failures == ["\(stage): no luck"])
            }
            let both = ["serve": Fault(description: "one"), "stop": Fault(description: "two")]
            let runner = ServiceRunner(
                service: try Self.name(),
                client: client,
                configuration: quickly(),
                server: FakeServer(Record(), faults: both)
            )
            async let failures = Self.failures(of: runner)
            try await runner.waitUntilRegistered()
            runner.beginShutdown()
            #expect(await failures.sorted() == ["serve: one", "stop: two"])
        }
    }

    @Test("a hook that fails ends it before it listens")
    func prepareFails() async throws {
        let record = Record()
        let client = RollcallClient(registry: MemoryBackend())
        var configuration = quickly()
        configuration.prepare = { throw Fault(description: "no table") }
        let runner = ServiceRunner(
            service: try Self.name(),
            client: client,
            configuration: configuration,
            server: FakeServer(record)
        )
        #expect(await Self.failures(of: runner) == ["prepare: no table"])
        #expect(record.all.isEmpty)
        await #expect(throws: BackendError.self) { try await runner.run() }
        await #expect(throws: BackendError.self) { try await runner.waitUntilRegistered() }
    }

    @Test("an instance that is refused stops the server, which nobody else could")
    func badInstance() async throws {
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            var configuration = quickly()
            configuration.weight = 70_000
            let runner = try Self.runner(client, configuration)
            let failures = await Self.failures(of: runner)
            #expect(failures.count == 1)
            #expect(failures.first?.hasPrefix("register: weight") == true, "\(failures)")
            let endpoint = try #require(runner.endpoints.first)
            await #expect(throws: ConnectionError.self) { try await fetch("/", at: endpoint) }
        }
    }

    @Test("a server that ends by itself is deregistered, and that is an error")
    func serverEnds() async throws {
        let backend = MemoryBackend()
        try await withRollcallClient(RollcallClient(registry: backend)) { client in
            let end = Signal()
            let server = FakeServer(Record()) { await end.wait() }
            let runner = ServiceRunner(
                service: try Self.name(),
                client: client,
                configuration: quickly(),
                server: server
            )
            async let failures = Self.failures(of: runner)
            try await runner.waitUntilRegistered()
            end.raise()
            #expect(await failures.first?.hasPrefix("serve: closed") == true)
            #expect(try await backend.instances(of: runner.service).instances.isEmpty)
        }
    }

    @Test("a cancelled run deregisters and is no error")
    func cancellation() async throws {
        let backend = MemoryBackend()
        try await withRollcallClient(RollcallClient(registry: backend)) { client in
            let runner = try Self.runner(client)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                try await runner.waitUntilRegistered()
                group.cancelAll()
                try await group.waitForAll()
            }
            #expect(try await backend.instances(of: runner.service).instances.isEmpty)
        }
    }

    @Test("a port in use is told with its address")
    func portInUse() async throws {
        let client = RollcallClient(registry: MemoryBackend())
        let other = try HTTPServer(host: "127.0.0.1", port: 0) { $0.respond(200) }
        let port = other.address.port
        let runner = try Self.runner(client, port: port)
        let failures = await Self.failures(of: runner)
        #expect(failures.first?.hasPrefix("listen: listening on 127.0.0.1:\(port)") == true, "\(failures)")
        withExtendedLifetime(other) {}
    }

    @Test("every address of the machine is no address to register")
    func wildcard() async throws {
        let client = RollcallClient(registry: MemoryBackend())
        let runner = try Self.runner(client, host: "0.0.0.0")
        #expect(await Self.failures(of: runner).first?.hasPrefix("listen: invalidArgument") == true)
    }

    @Test("run(until:) ends with what it waits for")
    func runUntil() async throws {
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            let runner = try Self.runner(client)
            try await runner.run { try? await runner.waitUntilRegistered() }
            #expect(try await client.registry.instances(of: runner.service).instances.isEmpty)
        }
    }
}
