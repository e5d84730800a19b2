#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A pipe whose reading end tells other programs that this one is gone, however it ended.
final class Lifeline: Sendable {
    /// The end for the standard input of other programs.
    let readingEnd: Int32
    private let writingEnd: Int32

    /// Opens the pipe.
    ///
    /// - Throws: A ``AttemptError`` when the system has no pipe left.
    init() throws(AttemptError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw AttemptError(errno, "open a pipe") }
        // Other programs get the reading end under another number, and must not have the writing end.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        self.readingEnd = ends[0]
        self.writingEnd = ends[1]
    }

    deinit {
        close(self.writingEnd)
        close(self.readingEnd)
    }

    /// Blocks until standard input has ended, and leaves out what comes until then.
    static func awaitEndOfInput() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(STDIN_FILENO, &bytes, bytes.count)
            guard count > 0 || (count < 0 && errno == EINTR) else { return }
        }
    }
}
