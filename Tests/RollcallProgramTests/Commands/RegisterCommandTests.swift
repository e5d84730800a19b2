import Rollcall
import RollcallProgram
import RollcallTesting
import Synchronization
import Testing

@Suite("register", .timeLimit(.minutes(1)))
struct RegisterCommandTests {
    private static let everything = """
        register web --id web-1 --endpoint http://192.0.2.7:80 --endpoint=grpc://192.0.2.7:90 --ttl 7s --version 1.2.3 \
        --zone eu --weight 5 --tag b --tag a --metadata team=shop --metadata empty= --requires db --output json
        """
    private static let endpoint = ["--endpoint", "http://192.0.2.7:80"]

    @Test("everything that is said of the instance is registered, until somebody interrupts")
    func alone() async throws {
        let bench = Workbench()
        let code = try await bench.running(Self.everything) {
            try await eventually { bench.output.lines.count == 1 }
            let instance = try #require(try await bench.instances("web").first)
            #expect(instance.id.text == "web-1")
            #expect(instance.endpoints.map(\.description) == ["http://192.0.2.7:80", "grpc://192.0.2.7:90"])
            #expect(instance.version?.description == "1.2.3")
            #expect(instance.zone == "eu")
            #expect(instance.weight == 5)
            #expect(instance.tags == ["a", "b"])
            #expect(instance.metadata["team"] == "shop")
            #expect(instance.metadata["empty"] == "")
            #expect(instance.requires.map(\.text) == ["db"])
            #expect(bench.output.lines == [String(decoding: instance.json, as: UTF8.self)])
            bench.signals.deliver(.interrupt)
        }
        #expect(code == .interrupted)
        #expect(try await bench.instances("web").isEmpty)
    }

    @Test("the end asked for by a supervisor is no failure", arguments: [ReceivedSignal.terminate, .hangUp])
    func supervisor(_ signal: ReceivedSignal) async throws {
        let bench = Workbench()
        let code = try await bench.running("register web --endpoint http://192.0.2.7:80 --id a") {
            try await eventually { !bench.output.text.isEmpty }
            bench.signals.deliver(signal)
        }
        #expect(code == .done)
        #expect(bench.output.text == "registered web/a at http://192.0.2.7:80, for 10s at a time\n")
        #expect(try await bench.instances("web").isEmpty)
    }

    @Test("registered while the command runs; its status is passed on")
    func command() async throws {
        let bench = Workbench()
        let folder = try TemporaryFolder()
        let code = try await bench.running(
            "register web --endpoint http://192.0.2.7:80",
            script: "while ! [ -e '\(folder.path)/go' ]; do sleep 0.02; done; exit 7"
        ) {
            try await eventually { bench.errors.text.hasPrefix("registered web/") }
            #expect(try await bench.instances("web").count == 1)
            try folder.write("", to: "go")
        }
        #expect(code.rawValue == 7)
        #expect(try await bench.instances("web").isEmpty)
        #expect(bench.output.text.isEmpty, "standard output belongs to the command")
    }

    @Test("the instance is registered once its check passes, and not before")
    func check() async throws {
        let gate = Gate()
        var bench = Workbench()
        bench.checkHTTP = { await gate.asked($0.text) ? nil : "answered 404" }
        let code = try await bench.running(
            "register web --endpoint http://192.0.2.7:80 --check http://192.0.2.7:80/up -- sleep 600"
        ) { [bench] in
            try await eventually { gate.count >= 2 }
            try await eventually {
                bench.errors.text == "not registered yet: http://192.0.2.7:80/up: answered 404\n"
            }
            #expect(try await bench.instances("web").isEmpty)
            #expect(gate.urls == ["http://192.0.2.7:80/up"])
            gate.open()
            try await eventually { try await bench.instances("web").count == 1 }
            bench.signals.deliver(.terminate)
        }
        #expect(code.rawValue == 143)
    }

    @Test("a check that does not pass in time is 1, and ends the command")
    func failedCheck() async throws {
        var bench = Workbench()
        bench.checkHTTP = { _ in "refused" }
        let options = Self.endpoint + ["--check", "http://192.0.2.7:80/", "--timeout", "100ms"]
        #expect(await bench.run(["register", "web"] + options + ["--", "sleep", "600"]) == .notThere)
        #expect(bench.errors.text.contains("the check did not pass within 100ms"))
        #expect(await bench.run(["register", "web"] + options) == .notThere)
    }

    @Test(
        "what cannot be checked is refused before anything runs",
        arguments: ["https://192.0.2.7/", "http://", "http://a b/", "http://192.0.2.7:x/", "nonsense", "ftp://a"]
    )
    func badCheck(_ url: String) async {
        var bench = Workbench()
        bench.checkHTTP = { _ in "never" }
        let options = Self.endpoint + ["--check", url, "--timeout", "100ms"]
        #expect(await bench.run(["register", "web"] + options) == .usage)
        #expect(bench.errors.text.hasPrefix("error: --check: "), "\(bench.errors.text)")
    }

    @Test(
        "a registry that does not answer: why is told, and --timeout gives up",
        arguments: [[], ["--", "sleep", "600"]]
    )
    func noRegistry(_ command: [String]) async {
        let clock = ManualClock()
        var bench = Workbench()
        bench.clock = TimeSource(clock)
        let options = Self.endpoint + ["--timeout", "2s", "--backend", "failing:unavailable"]
        let told = bench.errors
        let code = await withTaskGroup(of: ExitCode?.self) { [bench] group in
            group.addTask { await bench.run(["register", "web"] + options + command) }
            group.addTask {
                // Hardly any time passes before the registry failed to answer, however busy the machine is.
                while !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(2))
                    let isTold = told.text.contains("not registered yet: unavailable")
                    clock.advance(by: .milliseconds(isTold ? 100 : 1))
                }
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        #expect(code == .unreachable)
        #expect(told.text.contains("not registered yet: unavailable"))
        #expect(clock.now.elapsed >= .seconds(2))
    }

    @Test("wrong credentials are 4, at once")
    func refused() async {
        let bench = Workbench()
        #expect(
            await bench.run(["register", "web", "--backend", "failing:unauthenticated"] + Self.endpoint) == .refused
        )
        #expect(bench.errors.text.contains("give a token"))
    }

    @Test("what the registry will never take is 2, and ends the command")
    func neverTaken() async {
        let bench = Workbench()
        let arguments = ["register", "web", "--backend", "failing:tooLarge"] + Self.endpoint
        #expect(await bench.run(arguments) == .usage)
        #expect(await bench.run(arguments + ["--", "sleep", "600"]) == .usage)
    }

    @Test("a command that cannot be run is 127 or 126, and nothing is registered")
    func missingCommand() async throws {
        let bench = Workbench()
        let arguments = ["register", "web"] + Self.endpoint + ["--"]
        #expect(await bench.run(arguments + ["/nonexistent/program"]) == .commandNotFound)
        #expect(await bench.run(arguments + ["/etc/passwd"]) == .notExecutable)
        #expect(bench.errors.text.contains("cannot run /nonexistent/program: No such file or directory"))
        #expect(try await bench.instances("web").isEmpty)
    }
}

/// A check that passes once it is opened.
private final class Gate: Sendable {
    private let state = Mutex<(urls: Set<String>, count: Int, isOpen: Bool)>(([], 0, false))

    var count: Int { self.state.withLock { $0.count } }
    var urls: Set<String> { self.state.withLock { $0.urls } }

    func open() { self.state.withLock { $0.isOpen = true } }

    func asked(_ url: String) async -> Bool {
        self.state.withLock { state in
            state.urls.insert(url)
            state.count += 1
            return state.isOpen
        }
    }
}
