import Rollcall
import RollcallProgram
import RollcallTesting
import Testing

@Suite("watch", .timeLimit(.minutes(1)))
struct WatchCommandTests {
    @Test("one line for each change, what is there first")
    func lines() async throws {
        let bench = Workbench()
        let first = try await bench.register("web", "a")
        let code = try await bench.running("watch web") {
            try await eventually { bench.output.lines.count == 1 }
            try await bench.register("web", "b", InstanceChange(status: .warning))
            try await eventually { bench.output.lines.count == 2 }
            _ = try await bench.backend.amend(
                ServiceName("web"),
                id: InstanceID("b"),
                InstanceChange(status: .maintenance, weight: 0, tags: ["x"], metadata: ["k": "v"])
            )
            try await eventually { bench.output.lines.count == 3 }
            try await first.revoke()
            try await eventually { bench.output.lines.count == 4 }
            bench.signals.deliver(.interrupt)
        }
        #expect(code == .interrupted)
        #expect(
            bench.output.lines == [
                "+ web/a http://192.0.2.1:8080 passing", "+ web/b http://192.0.2.1:8080 warning",
                "= web/b status warning -> maintenance, weight 1 -> 0, tags none -> x, metadata none -> k=v",
                "- web/a deregistered",
            ]
        )
    }

    @Test("as JSON one snapshot on a line, the current one first, also when it is empty")
    func snapshots() async throws {
        let bench = Workbench()
        let code = try await bench.running("watch web --output json") {
            try await eventually { bench.output.lines.count == 1 }
            try await bench.register("web", "a")
            try await eventually { bench.output.lines.count == 2 }
            bench.signals.deliver(.terminate)
        }
        #expect(code == .done)
        #expect(bench.output.lines[0] == #"{"service":"web","revision":1,"instances":[]}"#)
        let instance = try await bench.instances("web")[0]
        #expect(
            bench.output.lines[1].hasSuffix(#""instances":["# + String(decoding: instance.json, as: UTF8.self) + "]}")
        )
    }

    @Test("several services and patterns at once")
    func patterns() async throws {
        let bench = Workbench()
        try await bench.register("web", "a")
        let code = try await bench.running("watch web team-* --quiet") {
            try await bench.register("team-x", "b")
            try await bench.register("other", "c")
            try await eventually { bench.output.lines.count == 2 }
            bench.signals.deliver(.hangUp)
        }
        #expect(code == .done)
        #expect(Set(bench.output.lines.map { $0.prefix(5) }) == ["+ web", "+ tea"])
        #expect(await bench.run("watch", "a*b") == .usage)
    }

    @Test("a registry that goes away and comes back is told beside the lines, and changes are not told twice")
    func staleness() async throws {
        let bench = Workbench()
        try await bench.register("web", "a")
        _ = try await bench.running("watch web") {
            try await eventually { bench.output.lines.count == 1 }
            bench.registry.setReachable(false)
            try await eventually { bench.errors.text.contains("web: the registry is away") }
            bench.registry.setReachable(true)
            try await eventually { bench.errors.text.contains("web: the registry is back") }
            try await bench.register("web", "b")
            try await eventually { bench.output.lines.count == 2 }
            bench.signals.deliver(.interrupt)
        }
        #expect(
            bench.output.lines == ["+ web/a http://192.0.2.1:8080 passing", "+ web/b http://192.0.2.1:8080 passing"]
        )
    }

    @Test("a registry that never answered is 3 after --timeout", arguments: ["web", "team-*"])
    func noAnswer(_ service: String) async {
        let bench = Workbench()
        let code = await bench.run("watch", service, "--backend", "failing:unavailable", "--timeout", "50ms")
        #expect(code == .unreachable)
    }

    @Test("a second Control-C ends the process at once")
    func impatience() async throws {
        let bench = Workbench()
        let hanging = Program(commands: [HangingCommand()])
        await withTaskGroup(of: ExitCode.self) { group in
            group.addTask {
                await hanging.run(
                    ["hang"],
                    in: Surroundings(
                        environment: [:],
                        output: bench.output.sink(),
                        errors: bench.errors.sink(),
                        signals: bench.signals,
                        exitNow: { code in
                            #expect(code == .interrupted)
                            HangingCommand.release.raise()
                        }
                    )
                )
            }
            bench.signals.deliver(.interrupt)
            await HangingCommand.interrupted.wait()
            bench.signals.deliver(.interrupt)
            #expect(await group.next() == .interrupted)
        }
    }
}

/// Does not end when it is cancelled.
private struct HangingCommand: Command {
    static let interrupted = Signal()
    static let release = Signal()

    let spec = CommandSpec("hang", summary: "hangs")

    func run(in context: CommandContext) async throws -> ExitCode {
        await Signal().wait()
        Self.interrupted.raise()
        try? await withoutCancellation(deadline: .seconds(20), clock: TimeSource()) { () async throws(BackendError) in
            await Self.release.wait()
        }
        return .done
    }
}
