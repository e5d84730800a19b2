import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A copy of the state that is gone with its last use.
final class BackupFile: Sendable {
    private let number: Int32

    /// Takes a file over: its name is removed at once, its contents when nobody reads them any more.
    ///
    /// - Parameter path: The file.
    /// - Throws: `unavailable`.
    init(path: String) throws(BackendError) {
        self.number = open(path, O_RDONLY | O_CLOEXEC)
        let failure = SystemError("open")
        unlink(path)
        guard self.number >= 0 else {
            throw BackendError(.unavailable, "the backup at \(path) cannot be read: \(failure)")
        }
    }

    deinit {
        close(self.number)
    }

    /// Reads the next piece.
    ///
    /// - Parameter limit: The most bytes.
    /// - Returns: The piece; `nil` at the end.
    /// - Throws: `unavailable`.
    func read(upTo limit: Int) throws(BackendError) -> [UInt8]? {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            let got = SystemRead.read(self.number, buffer)
            if got < 0 { failure = SystemError("read") }
            count = max(got, 0)
        }
        if let failure { throw BackendError(.unavailable, "the backup cannot be read: \(failure)") }
        return bytes.isEmpty ? nil : bytes
    }

    /// Makes an empty file that only its owner can read, for SQLite to fill.
    ///
    /// - Parameter path: The file; one that is there is left as it is.
    /// - Throws: `unavailable`.
    static func makePrivateFile(at path: String) throws(BackendError) {
        let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw BackendError(.unavailable, "\(path) cannot be made: \(SystemError("open"))") }
        close(number)
    }
}

/// The call of the system, whose name the type's own method hides.
private enum SystemRead {
    static func read(_ number: Int32, _ buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
        #if canImport(Glibc)
        Glibc.read(number, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
        Musl.read(number, buffer.baseAddress, buffer.count)
        #else
        Darwin.read(number, buffer.baseAddress, buffer.count)
        #endif
    }
}
