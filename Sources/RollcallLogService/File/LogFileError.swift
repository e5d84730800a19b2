#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Why a line is not in the file.
struct LogFileError: Error, CustomStringConvertible {
    /// What happened and what would help.
    let description: String
    /// Whether space is what is missing.
    let isFull: Bool

    init(_ description: String, isFull: Bool = false) {
        self.description = description
        self.isFull = isFull
    }

    /// Takes `errno` as the call just left it.
    init(cannot verb: String, _ path: String, number: Int32 = errno) {
        var buffer = [CChar](repeating: 0, count: 256)
        _ = strerror_r(number, &buffer, buffer.count)
        let reason = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let isFull = number == ENOSPC || number == EDQUOT || number == EFBIG
        let hint = isFull ? "make space on its disk" : "it must be in a folder that is there and writable for this user"
        self.init("cannot \(verb) \(path): \(reason); \(hint)", isFull: isFull)
    }
}
