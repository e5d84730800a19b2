import Rollcall
import RollcallTesting
import Testing

@Suite(
    "A Consul that tests start",
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul))),
    .timeLimit(.minutes(3))
)
struct ConsulServerTests {
    @Test("it answers, stands still while it is paused, and keeps what it is to keep", arguments: ServerProgram.consul)
    func lifecycle(_ program: ServerProgram) async throws {
        try await ConsulServer.withServer(program) { server in
            let (process, port) = (server.process, server.httpPort)
            let call = TestCall(port: port)
            #expect(try await call.send("/v1/agent/self").contains("\"Version\":\"\(program.version)\""))
            _ = try await call.send("/v1/kv/a", "1", method: "PUT")
            #expect(try await call.send("/v1/kv/a?raw") == "1")

            process.pause()
            await #expect(throws: (any Error).self) { try await call.send("/v1/kv/a?raw", within: .milliseconds(300)) }
            process.resume()
            try await eventually { (try? await call.send("/v1/kv/a?raw")) == "1" }

            try await process.restart(keepingData: true)
            #expect(server.httpPort == port)
            #expect(try await call.send("/v1/kv/a?raw") == "1")

            try await process.restart(keepingData: false)
            #expect(try await call.send("/v1/kv/a?raw", allowing: 404) != "1")

            await process.stop()
            #expect(!process.isRunning)
            await #expect(throws: (any Error).self) { try await call.send("/v1/agent/self") }
        }
    }

    @Test("with a token it asks for one", arguments: ServerProgram.consul)
    func token(_ program: ServerProgram) async throws {
        let token = "5f3c0b7e-7d0b-4b8f-9a53-1de2ad5b9c11"
        try await ConsulServer.withServer(program, .init(managementToken: token)) { server in
            let call = TestCall(port: server.httpPort)
            await #expect(throws: (any Error).self) { try await call.send("/v1/kv/a", "1", method: "PUT") }
            let answer = try await TestCall(port: server.httpPort, token: token).send("/v1/kv/a", "1", method: "PUT")
            #expect(answer == "true")
        }
    }
}
