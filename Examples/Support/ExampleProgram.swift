import Foundation
public import Rollcall
import RollcallHubClient
import Synchronization

/// What both programs do at their start and at their end.
public enum ExampleProgram {
    /// The flags that both programs have; the variables `ROLLCALL_…` say the same and more.
    public static let commonFlags = [
        Flag("backend", "memory:", "the registry: memory: for this process alone, hub://127.0.0.1:20000"),
        Flag("service", "hello", "the name of the service"),
        Flag("ttl", "10s", "how long an instance outlives its process in the registry"),
        Flag("drain", "1s", "how long an instance serves on once callers are told that it leaves"),
    ]

    /// Runs a program: exit code 0 or what `body` returns, 1 for an error, 2 for a wrong command line.
    ///
    /// - Parameters:
    ///   - flags: What it takes beside ``commonFlags``.
    ///   - body: The program.
    public static func run(_ flags: [Flag], _ body: (Flags) async throws -> Int32) async -> Never {
        let known = flags + self.commonFlags
        do {
            let flags = try Flags(CommandLine.arguments.dropFirst(), known: known)
            guard !flags.wantsHelp else {
                for flag in known { self.say("--\(flag.name) \(flag.fallback)\n    \(flag.meaning)") }
                exit(0)
            }
            exit(try await body(flags))
        } catch {
            self.remark("error: \(error)")
            exit(error is UsageError || error is ValidationError ? 2 : 1)
        }
    }

    /// Makes a client from the environment, which flags come before.
    ///
    /// - Parameters:
    ///   - flags: What the user typed.
    ///   - change: Changes how the client behaves.
    /// - Returns: The client; it does not run yet.
    /// - Throws: What is not legal, such as a kind of backend that this program does not have.
    public static func client(
        _ flags: Flags,
        change: (inout RollcallConfiguration) -> Void = { _ in }
    ) throws -> RollcallClient {
        var variables = ProcessInfo.processInfo.environment
        for name in ["backend", "ttl", "drain", "balancer"] {
            if let value = flags.ifGiven(name) { variables["ROLLCALL_" + name.uppercased()] = value }
        }
        var configuration = try RollcallConfiguration(environment: variables)
        change(&configuration)
        // Another driver is one more entry.
        let backends = RollcallClient.builtInBackends.merging(["hub": HubBackend.opener]) { _, new in new }
        return try RollcallClient(configuration, backends: backends)
    }

    /// Writes a line to standard output: a result.
    public static func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    /// Writes a line to standard error: anything else.
    public static func remark(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
}

extension ExampleProgram {
    private static let writeEnd = Atomic<Int32>(-1)

    /// Takes the signals that ask the program to end: Control-C and SIGTERM.
    ///
    /// To be called once. Handlers may do next to nothing, so they write into a pipe that a thread reads.
    ///
    /// - Returns: The numbers of the signals, as they arrive.
    public static func signals() -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        let pipe = Pipe()
        self.writeEnd.store(pipe.fileHandleForWriting.fileDescriptor, ordering: .sequentiallyConsistent)
        Thread.detachNewThread {
            let end = pipe.fileHandleForReading
            while let byte = try? end.read(upToCount: 1)?.first { continuation.yield(Int32(byte)) }
            // Until then the handlers need the other end.
            try? pipe.fileHandleForWriting.close()
        }
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(ExampleProgram.writeEnd.load(ordering: .sequentiallyConsistent), &byte, 1)
            }
        }
        // A caller who went away is an error of one write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        return stream
    }
}
