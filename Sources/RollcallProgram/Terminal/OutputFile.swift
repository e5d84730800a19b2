import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A file that is written from its beginning to its end.
final class OutputFile: Sendable {
    private let number: Int32

    /// Opens a file that is there.
    init?(path: String) {
        self.number = open(path, O_WRONLY | O_CLOEXEC)
        guard self.number >= 0 else { return nil }
    }

    deinit {
        close(self.number)
    }

    /// Appends.
    ///
    /// - Throws: A ``SystemError``.
    func write(_ bytes: [UInt8]) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { SystemWrite.write(self.number, $0) }
            guard count >= 0 else { throw SystemError("write") }
            rest = rest.dropFirst(count)
        }
    }

    /// Has the disk take what was written.
    ///
    /// - Throws: A ``SystemError``.
    func sync() throws(SystemError) {
        guard fsync(self.number) == 0 else { throw SystemError("fsync") }
    }
}

/// The call of the system, whose name the type's own method hides.
private enum SystemWrite {
    static func write(_ number: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.write(number, bytes.baseAddress, bytes.count)
        #elseif canImport(Musl)
        Musl.write(number, bytes.baseAddress, bytes.count)
        #else
        Darwin.write(number, bytes.baseAddress, bytes.count)
        #endif
    }
}
