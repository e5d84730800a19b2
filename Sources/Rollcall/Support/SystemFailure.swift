#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A call of the operating system that failed.
struct SystemFailure: Error, Hashable, CustomStringConvertible {
    /// The system's number for what went wrong.
    let number: Int32

    /// Takes `errno` as the call just left it.
    init(number: Int32 = errno) {
        self.number = number
    }

    /// The text form, in the system's words.
    var description: String {
        var buffer = [CChar](repeating: 0, count: 256)
        _ = strerror_r(self.number, &buffer, buffer.count)
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
