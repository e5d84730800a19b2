import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The process's standard input.
enum StandardInput {
    /// The most bytes that are taken: far above what any backend stores under a key.
    private static let limit = 64 << 20

    /// Reads it to its end.
    ///
    /// - Throws: A ``SystemError``, or a ``CommandFailure`` for more than anything takes.
    static func readToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            guard count >= 0 else { throw SystemError("read") }
            guard count > 0 else { return bytes }
            bytes += buffer[..<count]
            guard bytes.count <= Self.limit else {
                throw CommandFailure("standard input has more than \(Self.limit) bytes", exitCode: .usage)
            }
        }
    }
}
