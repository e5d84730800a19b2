import HTTPEngine
import Rollcall
import RollcallProgram
import RollcallTesting
import Testing

@Suite("Commands that serve or call", .timeLimit(.minutes(1)))
struct ServingCommandTests {
    /// Serves under a name in the registry of a bench while `body` runs.
    private static func serving(
        _ service: String,
        on bench: Workbench,
        _ handler: @escaping HTTPServer.Handler,
        _ body: @escaping @Sendable () async throws -> Void
    ) async throws {
        let server = try HTTPServer(host: "127.0.0.1", port: 0, handler: handler)
        let instance = try ServiceInstance(
            service: ServiceName(service),
            id: InstanceID("a"),
            endpoints: [Endpoint("http://\(server.address)")]
        )
        _ = try await bench.backend.register(instance, ttl: .seconds(60))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run() }
            defer { group.cancelAll() }
            try await body()
        }
    }

    @Test("a service says where it listens without a registry, what keeps it from being registered")
    func withoutRegistry() async throws {
        let bench = Workbench()
        let code = try await bench.running("hello --name one --backend failing:unavailable") {
            try await eventually { bench.output.text.hasPrefix("hello at http://127.0.0.1:") }
            try await eventually { bench.errors.text.contains("not registered yet: unavailable") }
            bench.signals.deliver(.terminate)
        }
        #expect(code == .done)
    }

    @Test("the body of an answer is written byte by byte")
    func bytes() async throws {
        let bench = Workbench()
        let body = (0...255).map { UInt8($0) }
        try await Self.serving("web", on: bench) { exchange in
            exchange.respond(200, "application/octet-stream", body: body)
        } _: {
            #expect(await bench.run("call", "web/") == .done)
            #expect(bench.output.bytes == body)
        }
    }

    @Test("a log that is followed and ends is told, and is 1")
    func logEnds() async throws {
        let bench = Workbench()
        try await Self.serving("log", on: bench) { exchange in
            try await exchange.beginStream(200, "text/event-stream")
            try await exchange.send(Array("data: one\n\n".utf8))
            exchange.endStream()
        } _: {
            #expect(await bench.run("logs", "tail", "-f") == .notThere)
            #expect(bench.output.text == "one\n")
            #expect(bench.errors.text == "the log service ended\n")
        }
    }

    @Test("--timeout is how long the log service may take")
    func logTimeout() async throws {
        var bench = Workbench()
        // Whoever takes this instead of the option meets the suite's time limit.
        bench.environment["ROLLCALL_LOOKUP_TIMEOUT"] = "1h"
        try await Self.serving("log", on: bench) { exchange in
            let end = Signal()
            await exchange.whileOpen(end: { end.raise() }) { await end.wait() }
        } _: { [bench] in
            #expect(await bench.run("logs", "tail", "--timeout", "50ms") == .notThere)
            #expect(!bench.errors.text.contains("is the registry running?"))
        }
    }
}
