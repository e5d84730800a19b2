import Foundation
import RollcallProgram
import RollcallTesting
import Testing

@Suite("ChildProcess", .timeLimit(.minutes(1)))
struct ChildProcessTests {
    private func start(
        _ script: String,
        output: ChildProcess.Stream = .inherited,
        environment: [String: String] = [:]
    ) throws -> ChildProcess {
        let variables = environment.merging(["PATH": "/usr/bin:/bin"]) { own, _ in own }
        return try ChildProcess(["sh", "-c", script], environment: variables, output: output)
    }

    @Test(
        "the end is told as it was",
        arguments: [
            ("exit 0", .exited(0), 0), ("exit 7", .exited(7), 7), ("kill -TERM $$", .killed(by: SIGTERM), 143),
            ("kill -KILL $$", .killed(by: SIGKILL), 137),
        ] as [(String, ProcessEnd, Int32)]
    )
    func end(_ script: String, _ status: ProcessEnd, _ code: Int32) async throws {
        let child = try self.start(script)
        #expect(await child.wait() == status)
        #expect(await child.wait() == status, "it may be asked again")
        #expect(status.exitCode.rawValue == code)
        #expect(child.hasEnded)
        child.signal(SIGKILL)
    }

    @Test("output goes into a file, and variables are passed")
    func file() async throws {
        let folder = try TemporaryFolder()
        let child = try self.start(
            "echo \"$GREETING\"; echo more",
            output: .file(folder.path + "/out"),
            environment: ["GREETING": "hello = you"]
        )
        #expect(await child.wait() == .exited(0))
        #expect(folder.read("out") == "hello = you\nmore\n")
    }

    @Test("output goes into a pipe")
    func pipe() async throws {
        let pipe = Pipe()
        let child = try self.start("echo piped", output: .descriptor(pipe.fileHandleForWriting.fileDescriptor))
        #expect(await child.wait() == .exited(0))
        try pipe.fileHandleForWriting.close()
        #expect(try pipe.fileHandleForReading.readToEnd() == Data("piped\n".utf8))
    }

    @Test("a signal ends it, although threads here block signals")
    func signal() async throws {
        let child = try self.start("exec sleep 600")
        #expect(!child.hasEnded)
        child.signal(SIGINT)
        #expect(await child.wait() == .killed(by: SIGINT))
    }

    @Test("waiting ends with the task, the child goes on")
    func cancelledWait() async throws {
        let child = try self.start("exec sleep 600")
        await withTaskGroup(of: ProcessEnd?.self) { group in
            group.addTask { await child.wait() }
            group.cancelAll()
            #expect(await group.next() == .some(nil))
        }
        #expect(!child.hasEnded)
        await child.end()
        #expect(await child.wait() == .killed(by: SIGTERM))
    }

    @Test("who does not heed SIGTERM is killed, also when the task was cancelled")
    func stubborn() async throws {
        let folder = try TemporaryFolder()
        let child = try self.start("trap '' TERM; echo > '\(folder.path)/ready'; while :; do sleep 0.02; done")
        try await eventually { !folder.read("ready").isEmpty }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await child.end(within: .milliseconds(100)) }
            group.cancelAll()
        }
        #expect(await child.wait() == .killed(by: SIGKILL))
    }

    @Test("many at once, none is lost")
    func many() async throws {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<32 {
                group.addTask { try await self.start("exit \(number)").wait() == .exited(Int32(number)) }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }

    @Test("a program that is not there is an error", arguments: [[], [""], ["no-such-program-here"], ["/nonexistent"]])
    func missing(_ command: [String]) {
        let error = #expect(throws: AttemptError.self) {
            try ChildProcess(command, environment: ["PATH": "/usr/bin:/bin"])
        }
        #expect(error?.number == ENOENT)
    }
}
