import Foundation
import RollcallProgram
import RollcallTesting
import Testing

/// The programs `ExampleProvider` and `ExampleConsumer`, as somebody starts them.
@Suite("Provider and consumer", .timeLimit(.minutes(2)))
struct ProviderConsumerTests {
    private func provider(_ id: String, _ hub: String, _ more: String...) async throws -> ExampleProcess {
        let provider = try ExampleProcess(
            ["ExampleProvider", "--backend", hub, "-http-port", "0", "--id", id] + more
        )
        try await eventually { provider.output.hasPrefix("hello at http://127.0.0.1:") }
        return provider
    }

    @Test("in one process, without a registry of its own")
    func memory() async throws {
        let consumer = try ExampleProcess(
            ["ExampleConsumer", "--local", "3", "-worker", "2", "-request", "30", "--pause=1ms", "--drain=10ms"]
        )
        #expect(try await consumer.end() == .exited(0))
        #expect(
            consumer.output == """
                local-1 20
                local-2 20
                local-3 20
                60 calls, 0 failed, 0 answered by another instance

                """
        )
        #expect(consumer.errors.contains("+ hello/local-1 http://127.0.0.1:"))
    }

    @Test("in processes of their own, on a hub: instances take turns")
    func turns() async throws {
        try await withHub { hub in
            let one = try await self.provider("one", hub, "--drain", "10ms")
            let two = try await self.provider("two", hub, "--drain", "10ms")
            let consumer = try ExampleProcess(["ExampleConsumer", "--backend", hub, "--instances", "2"])
            #expect(try await consumer.end() == .exited(0))
            #expect(consumer.output == "one 25\ntwo 25\n50 calls, 0 failed, 0 answered by another instance\n")
            for provider in [one, two] {
                provider.signal(SIGTERM)
                #expect(try await provider.end() == .exited(0))
                #expect(provider.output.hasSuffix("\n25 greeted\n"))
                #expect(provider.errors.isEmpty)
            }
        }
    }

    @Test("no call fails when one instance is killed and another one leaves")
    func failOver() async throws {
        try await withHub { hub in
            let killed = try await self.provider("killed", hub, "--ttl", "1s")
            let leaving = try await self.provider("leaving", hub, "--drain", "200ms")
            let staying = try await self.provider("staying", hub)
            let consumer = try ExampleProcess(
                ["ExampleConsumer", "--backend", hub, "--instances", "3", "--request", "0", "--pause", "2ms"]
            )
            try await eventually {
                ["killed", "leaving", "staying"].allSatisfy { ("\n" + consumer.errors).contains("\n\($0) answers\n") }
            }
            killed.signal(SIGKILL)
            #expect(try await killed.end() == .killed(by: SIGKILL))
            leaving.signal(SIGTERM)
            #expect(try await leaving.end() == .exited(0))
            try await eventually {
                let gone = consumer.errors.split(separator: "\n").filter { $0.hasPrefix("- ") }
                return gone.contains { $0.hasPrefix("- hello/killed") && $0.hasSuffix("expired") }
                    && gone.contains { $0.hasPrefix("- hello/leaving") && $0.hasSuffix("maintenance deregistered") }
            }
            consumer.signal(SIGINT)
            #expect(try await consumer.end() == .exited(0))
            let last = try #require(consumer.output.split(separator: "\n").last)
            #expect(last.contains(" calls, 0 failed, "))
            // Those that met the killed one before its time-to-live ran out.
            #expect(!last.contains(" 0 answered by another instance"))
            #expect(staying.errors.isEmpty)
        }
    }

    @Test(
        "what is wrong is said",
        arguments: [
            (["ExampleProvider", "--http-port", "http"], 2, "--http-port takes a number from 0 to 65535"),
            (["ExampleProvider", "--prt", "1"], 2, "--prt is not known"),
            (["ExampleProvider", "--id", "a*b"], 2, "id"),
            (["ExampleProvider", "--backend", "zoo://x"], 1, "it has hub:, memory:, noop:"),
            (["ExampleProvider", "--http-port", "0", "--host", "192.0.2.1"], 1, "192.0.2.1"),
            (["ExampleConsumer", "--pause"], 2, "--pause needs a value"),
            (["ExampleConsumer", "--balancer", "best"], 2, "ROLLCALL_BALANCER"),
            (["ExampleConsumer"], 1, "fewer than 1 instances"),
        ] as [([String], Int32, String)]
    )
    func mistakes(_ command: [String], _ code: Int32, _ message: String) async throws {
        let program = try ExampleProcess(command, variables: ["ROLLCALL_LOOKUP_TIMEOUT": "50ms"])
        #expect(try await program.end() == .exited(code))
        #expect(program.errors.hasPrefix("error: "))
        #expect(program.errors.contains(message))
        #expect(program.output.isEmpty)
    }

    @Test("help lists the flags", arguments: ["ExampleProvider", "ExampleConsumer"])
    func help(_ name: String) async throws {
        let program = try ExampleProcess([name, "--help"])
        #expect(try await program.end() == .exited(0))
        #expect(program.output.contains("--backend memory:\n"))
    }
}
