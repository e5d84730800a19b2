import Foundation
import RollcallProgram
import RollcallTesting
import Testing

/// The program `ExampleConfig`, as somebody starts it.
@Suite("Configurations that change", .timeLimit(.minutes(2)))
struct ConfigExampleTests {
    @Test("two keys, a validator that refuses, two subscribers of which one fails (M26.2)")
    func memory() async throws {
        let program = try ExampleProcess(["ExampleConfig"])
        #expect(try await program.end() == .exited(0))
        #expect(
            Repository.lines(program.output).filter { !$0.hasPrefix("version") } == [
                #"config/my-app/db version 1 (local): {"host":"db-0.example","port":5432}"#,
                #"config/my-app/main version 1 (local): {"greeting":"hello"}"#,
                #"config/my-app/db version 4 (remote): {"host":"db-3.example","port":5432}"#,
                #"config/my-app/main version 1 (local): {"greeting":"hello"}"#,
                "history: 4 remote, 2 remote, 1 local",
            ]
        )
        // Of several in a short time a subscriber may get the last one only.
        #expect(program.output.contains("version 4: connecting to db-3.example\n"))
        #expect(program.errors.contains("config: version 3 of config/my-app/db is refused, version 2 stays in use: "))
        #expect(program.errors.contains("config: a subscriber failed with config/my-app/db: SimulatedPanic()\n"))
    }

    @Test("what is refused stays in quarantine, and is shown with the reason")
    func quarantine() async throws {
        let program = try ExampleProcess(["ExampleConfig", "--changes", "2"])
        #expect(try await program.end() == .exited(0))
        #expect(program.output.contains("\nconfig/my-app/db version 2 (remote): "))
        #expect(program.output.contains("\n  not used: version 3, application/json, host: "))
    }

    @Test("it runs until it is told to end, and keeps a copy on the disk")
    func copy() async throws {
        let path = NSTemporaryDirectory() + "rollcall-example-\(UUID().uuidString).copy"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let program = try ExampleProcess(["ExampleConfig", "--changes", "0", "--every", "10ms", "--copy", path])
        try await eventually { Repository.lines(program.output).count > 6 }
        try await eventually { FileManager.default.fileExists(atPath: path) }
        program.signal(SIGTERM)
        #expect(try await program.end() == .exited(0))
        #expect(program.errors.isEmpty)
    }

    @Test("a backend that stores no configurations is told")
    func unsupported() async throws {
        let program = try ExampleProcess(["ExampleConfig", "--backend", "noop:"])
        #expect(try await program.end() == .exited(1))
        #expect(program.errors.contains("noop: stores no configurations"))
    }
}
