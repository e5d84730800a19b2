import Rollcall

#if os(Linux)
import CSystem
#endif

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Kills a program once this process is gone, however that ended.
///
/// The kernel's own means for it follows the thread that started the program, and Swift's threads come and go. So a
/// small program of the system waits at a pipe, which ends with this process.
struct Watchdog: Sendable {
    private let program: SpawnedProgram
    private let dog: SpawnedProgram
    private let leash: Int32

    /// Begins to watch.
    ///
    /// - Parameter program: What to kill.
    /// - Throws: A `SystemError`.
    init(over program: SpawnedProgram) throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        #if os(Linux)
        // In one call, as a program that another thread starts in between would inherit them and hold the leash, too.
        guard csystem_make_pipe(&ends) == 0 else { throw SystemError("pipe2") }
        #else
        guard pipe(&ends) == 0 else { throw SystemError("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        #endif
        defer { close(ends[0]) }
        do throws(SystemError) {
            self.dog = try SpawnedProgram(
                ["/bin/sh", "-c", "read -r _; kill -KILL \"$1\"", "watchdog", "\(program.id)"],
                environment: [:],
                input: ends[0],
                output: "/dev/null"
            )
        } catch {
            close(ends[1])
            throw error
        }
        self.program = program
        self.leash = ends[1]
    }

    /// Kills what it watches, and ends.
    func kill() {
        self.program.signal(SIGKILL)
        // Before what it watches is reaped, as it must never send its signal to whoever has the process id next.
        self.dog.signal(SIGKILL)
        self.dog.reap()
        close(self.leash)
        self.program.reap()
    }
}
