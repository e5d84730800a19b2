#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A call of the system that failed.
package struct SystemError: Error, CustomStringConvertible {
    /// What was called.
    package let call: String
    /// The system's `errno`.
    package let number: Int32

    /// Takes `errno` as the call just left it.
    package init(_ call: String, number: Int32 = errno) {
        self.call = call
        self.number = number
    }

    /// Whether this machine lacks what the call takes, or a way to the address, so that it says nothing about a peer.
    package var isLocal: Bool {
        let numbers = [
            EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAFNOSUPPORT, ENETDOWN, ENETUNREACH, EACCES,
            EPERM, ENOSPC,
        ]
        return numbers.contains(self.number)
    }

    /// The text form, in the system's words.
    package var description: String {
        var buffer = [CChar](repeating: 0, count: 256)
        _ = strerror_r(self.number, &buffer, buffer.count)
        let text = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return "\(self.call): \(text)"
    }
}
