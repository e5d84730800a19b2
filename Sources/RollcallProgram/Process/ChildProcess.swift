package import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Another program that this one runs.
///
/// A thread waits for its end; until that was seen, its process id cannot come to mean another process.
package final class ChildProcess: Sendable {
    /// Where a stream of the child goes, or where it comes from.
    package enum Stream: Hashable, Sendable {
        /// Where this program's own goes.
        case inherited
        /// Into a file, which is emptied first.
        case file(String)
        /// Into an open descriptor: a pipe, a file.
        case descriptor(Int32)
    }

    /// The process id.
    package let id: Int32

    private let status = Mutex<ProcessEnd?>(nil)
    private let ended = Signal()

    /// Starts a program, with no signal blocked and each doing what it does by default.
    ///
    /// SIGHUP stays ignored where it is, as `nohup` wants it.
    ///
    /// - Parameters:
    ///   - command: The program, looked for on `PATH` unless it holds a slash, and its arguments; not empty.
    ///   - environment: The variables that the child has.
    ///   - input: Where its standard input comes from: inherited or a descriptor.
    ///   - output: Where its standard output goes.
    ///   - errors: Where its standard error goes.
    /// - Throws: A ``AttemptError``, such as `ENOENT` when there is no such program.
    package init(
        _ command: [String],
        environment: [String: String],
        input: Stream = .inherited,
        output: Stream = .inherited,
        errors: Stream = .inherited
    ) throws(AttemptError) {
        let child = SpawnRequest(
            command: command,
            environment: environment,
            input: input,
            output: output,
            errors: errors
        )
        self.id = try child.spawn()
        do throws(AttemptError) {
            try SystemThread.begin { self.awaitEnd() }
        } catch {
            // Nobody would ever see its end.
            kill(self.id, SIGKILL)
            waitpid(self.id, nil, 0)
            throw error
        }
    }

    /// Whether it has ended.
    package var hasEnded: Bool { self.status.withLock { $0 } != nil }

    /// Waits for its end.
    ///
    /// - Returns: How it ended, or `nil` when the task was cancelled first.
    package func wait() async -> ProcessEnd? {
        await self.ended.wait()
        return self.status.withLock { $0 }
    }

    /// Sends it a signal; nothing happens once it has ended.
    package func signal(_ number: Int32) {
        self.status.withLock { status in
            if status == nil { kill(self.id, number) }
        }
    }

    /// Ends it: SIGTERM, and SIGKILL when it is still there after `grace`.
    ///
    /// Cancelling the task does not cut this short.
    ///
    /// - Parameters:
    ///   - grace: How long it may take to end.
    ///   - clock: What measures that.
    package func end(within grace: Duration = .seconds(5), clock: TimeSource = TimeSource()) async {
        self.signal(SIGTERM)
        try? await withoutCancellation(deadline: grace, clock: clock) { () async throws(BackendError) in
            _ = await self.wait()
        }
        self.signal(SIGKILL)
        try? await withoutCancellation(deadline: grace, clock: clock) { () async throws(BackendError) in
            _ = await self.wait()
        }
    }

    /// Blocks until the child has ended.
    private func awaitEnd() {
        // The child is looked at and left a zombie, so that its id stays taken until no signal is under way to it.
        var information = siginfo_t()
        while waitid(P_PID, id_t(self.id), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        self.status.withLock { status in
            var waitStatus: Int32 = 0
            while waitpid(self.id, &waitStatus, 0) < 0, errno == EINTR {}
            status = ProcessEnd(waitStatus: waitStatus)
        }
        self.ended.raise()
    }
}
