import Foundation
import RollcallProgram
import Testing

/// The walk-through of `Examples/tutorial`.
@Suite("Tutorial", .timeLimit(.minutes(2)))
struct TutorialTests {
    @Test("the script: what the gateway returns is what the log file has")
    func script() async throws {
        let script = try ExampleProcess(
            [Repository.path("Examples/tutorial/run"), "0"],
            variables: ["ROLLCALL": try ExampleProcess.built("rollcall"), "ROLLCALL_DRAIN": "20ms", "VISITS": "7"]
        )
        #expect(try await script.end() == .exited(0))
        #expect(script.errors.isEmpty)
        let lines = script.output.split(separator: "\n")
        #expect(lines.suffix(2) == ["returned 1 2 3 4 5 6 7", "logged   1 2 3 4 5 6 7"])
        for name in ["hub", "log", "visits", "gateway"] {
            #expect(lines.contains { $0.hasPrefix(name) && $0.contains(" http://127.0.0.1:") })
        }
    }

    @Test("the script ends with 1 when a program does not start")
    func failure() async throws {
        let script = try ExampleProcess([Repository.path("Examples/tutorial/run")], variables: ["ROLLCALL": "false"])
        #expect(try await script.end() == .exited(1))
        #expect(script.errors.contains("error: hub does not start"))
    }

    @Test("the commands of the README are legal")
    func commands() throws {
        let parser = ArgumentParser(Program().specs)
        let lines = try Repository.blocks(of: "sh", in: "Examples/tutorial/README.md").joined()
        let commands = lines.filter { $0.hasPrefix("rollcall ") }
        #expect(commands.count == 5)
        for command in commands {
            _ = try parser.parse(command.split(separator: " ").dropFirst().map(String.init))
        }
    }
}
