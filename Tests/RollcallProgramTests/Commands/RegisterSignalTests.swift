import Rollcall
import RollcallProgram
import RollcallTesting
import Testing

@Suite("register and signals", .timeLimit(.minutes(1)))
struct RegisterSignalTests {
    @Test("while the instance is drained it is in maintenance; a second Control-C ends at once")
    func drain() async throws {
        var bench = Workbench()
        bench.environment["ROLLCALL_DRAIN"] = "1h"
        try await withThrowingTaskGroup(of: ExitCode.self) { [bench] group in
            group.addTask { await bench.run(["register", "web", "--endpoint", "http://192.0.2.7:80"]) }
            try await eventually { !bench.output.text.isEmpty }
            bench.signals.deliver(.interrupt)
            try await eventually { try await bench.instances("web").first?.status == .maintenance }
            #expect(!bench.hastyExit.isRaised)
            bench.signals.deliver(.interrupt)
            await bench.hastyExit.wait()
            group.cancelAll()
        }
    }

    @Test("a signal reaches the command, after the instance has left")
    func signals() async throws {
        let bench = Workbench()
        let folder = try TemporaryFolder()
        let code = try await bench.running(
            "register web --endpoint http://192.0.2.7:80",
            script: """
                trap 'echo hup >> "\(folder.path)/log"' HUP
                trap 'echo term >> "\(folder.path)/log"; stay; exit 9' TERM
                stay() { while ! [ -e "\(folder.path)/go" ]; do sleep 0.02; done; }
                echo ready >> "\(folder.path)/log"
                while :; do sleep 0.02; done
                """
        ) {
            try await eventually { try await bench.instances("web").count == 1 }
            try await eventually { folder.read("log") == "ready\n" }
            bench.signals.deliver(.hangUp)
            try await eventually { folder.read("log") == "ready\nhup\n" }
            #expect(try await bench.instances("web").first?.status == .passing)
            bench.signals.deliver(.terminate)
            try await eventually { folder.read("log") == "ready\nhup\nterm\n" }
            #expect(try await bench.instances("web").isEmpty, "it left before the command heard of the end")
            try folder.write("", to: "go")
        }
        #expect(code.rawValue == 9)
    }

    @Test("a second signal does not wait for the drain")
    func impatience() async throws {
        var bench = Workbench()
        bench.environment["ROLLCALL_DRAIN"] = "1h"
        let code = try await bench.running("register web --endpoint http://192.0.2.7:80 -- sleep 600") { [bench] in
            try await eventually { try await bench.instances("web").count == 1 }
            bench.signals.deliver(.terminate)
            try await eventually { try await bench.instances("web").first?.status == .maintenance }
            bench.signals.deliver(.terminate)
        }
        #expect(code.rawValue == 143)
        #expect(try await bench.instances("web").isEmpty)
    }

    @Test("what the terminal sent to the command as well is not sent twice")
    func terminalSignal() async throws {
        let bench = Workbench()
        let folder = try TemporaryFolder()
        let code = try await bench.running(
            "register web --endpoint http://192.0.2.7:80",
            script: """
                trap 'echo int >> "\(folder.path)/log"' INT; echo ready >> "\(folder.path)/log"
                while ! [ -e '\(folder.path)/go' ]; do sleep 0.02; done
                """
        ) {
            try await eventually { try await bench.instances("web").count == 1 }
            try await eventually { folder.read("log") == "ready\n" }
            bench.signals.deliver(ReceivedSignal(ReceivedSignal.interrupt.number, isFromTerminal: true))
            try await eventually { try await bench.instances("web").isEmpty }
            try folder.write("", to: "go")
        }
        #expect(code == .done)
        #expect(folder.read("log") == "ready\n")
    }
}
