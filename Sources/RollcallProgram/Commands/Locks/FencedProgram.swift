import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Another program that runs while a lock is held, and is told the lock's token.
final class FencedProgram: Sendable {
    /// The variable that carries the token.
    static let variable = "ROLLCALL_FENCING_TOKEN"

    private let command: [String]
    private let context: CommandContext
    private let child = Mutex<ChildProcess?>(nil)

    init(_ command: [String], _ context: CommandContext) {
        self.command = command
        self.context = context
    }

    /// Runs the program to its end; when the task is cancelled, has it end.
    ///
    /// - Parameter token: What it is told.
    /// - Returns: Its exit code.
    /// - Throws: A ``CommandFailure`` when it cannot be run; `cancelled`.
    func run(fencedBy token: UInt64) async throws -> ExitCode {
        let child = try self.start(token)
        self.child.withLock { $0 = child }
        defer { self.child.withLock { $0 = nil } }
        if let end = await child.wait() { return end.exitCode }
        let clock = self.context.clock
        try? await withoutCancellation(deadline: .seconds(7), clock: clock) { () async throws(BackendError) in
            await child.end(clock: clock)
        }
        throw BackendError(.cancelled, "the task was cancelled")
    }

    /// Passes signals on while the program runs.
    ///
    /// - Returns: Once one asks to end while it does not run.
    func passSignals() async {
        while let signal = await self.context.signals.next() {
            let child = self.child.withLock { $0 }
            if let child {
                if !signal.isFromTerminal { child.signal(signal.number) }
            } else if signal.asksToEnd {
                return
            }
        }
    }

    private func start(_ token: UInt64) throws -> ChildProcess {
        var environment = self.context.surroundings.environment
        environment[Self.variable] = "\(token)"
        do throws(AttemptError) {
            return try ChildProcess(self.command, environment: environment)
        } catch {
            throw CommandFailure(
                error.description,
                advice: ["name a program that is on PATH, or its path"],
                exitCode: error.number == ENOENT ? .commandNotFound : .notExecutable
            )
        }
    }
}
