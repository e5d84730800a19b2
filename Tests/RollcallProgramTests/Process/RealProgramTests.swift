import Foundation
import HTTPEngine
import RollcallProgram
import RollcallTesting
import Testing

/// Where the program is that the build made.
enum Built {
    static let path: String? = {
        // Beside the tests, wherever those are.
        let places = [CommandLine.arguments[0], "/proc/self/exe"]
        let folders = places.map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().deletingLastPathComponent() }
        return folders.map { $0.appendingPathComponent("rollcall").path }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }()
}

/// The program as it is installed, in a process of its own.
@Suite("The program", .timeLimit(.minutes(2)), .enabled(if: Built.path != nil, "it is not built here"))
struct RealProgramTests {
    private func start(_ folder: TemporaryFolder, _ arguments: String...) throws -> ChildProcess {
        try self.start(folder, "memory:", output: folder.path + "/out", arguments)
    }

    private func start(
        _ folder: TemporaryFolder,
        _ backend: String,
        output: String,
        _ arguments: [String]
    ) throws -> ChildProcess {
        let environment = ProcessInfo.processInfo.environment.merging(
            ["ROLLCALL_BACKEND": backend, "ROLLCALL_DRAIN": "10ms", "ROLLCALL_NAMESPACE": "elsewhere"]
        ) { _, new in new }
        return try ChildProcess(
            [try #require(Built.path)] + arguments,
            environment: environment,
            output: .file(output),
            errors: .file(folder.path + "/errors")
        )
    }

    @Test("a signal ends a watch in order", arguments: [(SIGINT, 130), (SIGTERM, 0), (SIGHUP, 0)] as [(Int32, Int32)])
    func watch(_ signal: Int32, _ code: Int32) async throws {
        let folder = try TemporaryFolder()
        let child = try self.start(folder, "watch", "web", "--output", "json")
        try await eventually { !folder.read("out").isEmpty }
        child.signal(signal)
        #expect(await child.wait() == .exited(code))
        #expect(folder.read("errors").isEmpty)
    }

    @Test("a signal deregisters", arguments: [(SIGINT, 130), (SIGTERM, 0)] as [(Int32, Int32)])
    func register(_ signal: Int32, _ code: Int32) async throws {
        let folder = try TemporaryFolder()
        let child = try self.start(folder, "register", "web", "--endpoint", "http://192.0.2.1:80", "--verbose")
        try await eventually { folder.read("out").hasPrefix("registered web/") }
        child.signal(signal)
        #expect(await child.wait() == .exited(code))
        #expect(folder.read("errors").contains("registrar: now draining"))
        #expect(folder.read("errors").contains("registrar: now stopped"))
    }

    @Test("a signal reaches the command that it runs")
    func command() async throws {
        let folder = try TemporaryFolder()
        let child = try self.start(
            folder,
            "register",
            "web",
            "--endpoint",
            "http://192.0.2.1:80",
            "--",
            "sh",
            "-c",
            "trap 'echo heard; exit 9' INT; echo ready; while :; do sleep 0.02; done"
        )
        try await eventually { folder.read("out") == "ready\n" }
        child.signal(SIGINT)
        #expect(await child.wait() == .exited(9))
        #expect(folder.read("out") == "ready\nheard\n")
    }

    @Test("exit codes reach the shell, results and errors their streams")
    func exitCodes() async throws {
        let folder = try TemporaryFolder()
        #expect(try await self.start(folder, "services", "--output", "json").wait() == .exited(0))
        #expect(folder.read("out") == "{\"services\":[]}\n")
        #expect(try await self.start(folder, "pick", "web").wait() == .exited(1))
        #expect(try await self.start(folder, "picc", "web").wait() == .exited(2))
        #expect(folder.read("errors").contains("rollcall pick, if that is what you meant"))
        #expect(folder.read("out").isEmpty)
    }

    @Test("a reader who goes away ends a watch")
    func closedPipe() async throws {
        let folder = try TemporaryFolder()
        let path = try #require(Built.path)
        let script = "'\(path)' completion bash | head -n 1; echo ${PIPESTATUS[0]}"
        let child = try ChildProcess(
            ["bash", "-c", script],
            environment: ProcessInfo.processInfo.environment,
            output: .file(folder.path + "/out")
        )
        #expect(await child.wait() == .exited(0))
        #expect(folder.read("out").hasSuffix("\n0\n"))
    }

    @Test("every signal reaches the command, which is not left behind")
    func everySignal() async throws {
        let folder = try TemporaryFolder()
        let script = """
            for name in USR1 USR2 WINCH; do trap "echo $name" $name; done
            trap 'echo QUIT; exit 9' QUIT
            echo ready; while :; do sleep 0.02; done
            """
        let child = try self.start(
            folder,
            "register",
            "web",
            "--endpoint",
            "http://192.0.2.1:80",
            "--",
            "sh",
            "-c",
            script
        )
        var expected = "ready\n"
        try await eventually { folder.read("out") == expected }
        for (signal, name) in [(SIGUSR1, "USR1"), (SIGUSR2, "USR2"), (SIGWINCH, "WINCH"), (SIGQUIT, "QUIT")] {
            child.signal(signal)
            expected += name + "\n"
            try await eventually { folder.read("out") == expected }
        }
        #expect(await child.wait() == .exited(9))
    }

    @Test("what cannot be written is told, and is 1", .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func fullDevice() async throws {
        let folder = try TemporaryFolder()
        let arguments = ["instances", "web", "--output", "json"]
        let child = try self.start(folder, "memory:", output: "/dev/full", arguments)
        #expect(await child.wait() == .exited(1))
        #expect(folder.read("errors") == "error: cannot write to standard output: No space left on device\n")
    }

    @Test("a check over HTTP says why it does not pass")
    func check() async throws {
        let folder = try TemporaryFolder()
        let listener = try TCPListener(host: "127.0.0.1", port: 0)
        let url = "http://\(listener.address)/up?now"
        listener.close()
        let child = try self.start(folder, "register", "web", "--endpoint", "http://192.0.2.1:80", "--check", url)
        try await eventually { folder.read("errors").hasPrefix("not registered yet: \(url): ") }
        #expect(folder.read("errors").contains("Connection refused"))
        child.signal(SIGTERM)
        #expect(await child.wait() == .exited(0))
    }
}
