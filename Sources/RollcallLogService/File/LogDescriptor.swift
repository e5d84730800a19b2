#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A log file that is open, until its last owner is gone.
final class LogDescriptor: Sendable {
    /// What tells one file from another, whatever it is called.
    struct Identity: Hashable {
        let device: UInt64
        let node: UInt64
    }

    private let number: Int32
    private let path: String

    private init(number: Int32, path: String) {
        self.number = number
        self.path = path
    }

    deinit {
        close(self.number)
    }

    /// Opens the file that is written to, and makes it where it is missing; others must not write to it.
    static func writing(_ path: String) throws(LogFileError) -> LogDescriptor {
        // Not through a link that somebody planted, and not waiting for the reader of a pipe.
        let flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let descriptor = try self.open(path, flags)
        guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
            throw LogFileError("another process writes to \(path); stop it, or name another file")
        }
        return descriptor
    }

    /// Opens a file to be read, or returns `nil` when it is not there.
    static func reading(_ path: String) -> LogDescriptor? {
        try? self.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    }

    /// The file that has a name now, or `nil`.
    static func identity(at path: String) -> Identity? {
        var status = stat()
        return lstat(path, &status) == 0 ? Identity(status) : nil
    }

    var identity: Identity? {
        var status = stat()
        return fstat(self.number, &status) == 0 ? Identity(status) : nil
    }

    var length: Int {
        var status = stat()
        return fstat(self.number, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Whether the file's last line has its end; so has none at all.
    var endsWithLine: Bool {
        let length = self.length
        return length == 0 || self.read(length - 1..<length) == [0x0A]
    }

    /// Appends all of `bytes`, or nothing that is left behind.
    ///
    /// - Throws: Why not; then ``endsWithLine`` tells whether even what was half written could be taken back.
    func append(_ bytes: [UInt8]) throws(LogFileError) {
        let start = self.length
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(self.number, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = LogFileError(cannot: "write to", self.path)
                _ = ftruncate(self.number, off_t(start))
                throw error
            }
            written += count
        }
    }

    /// The bytes of a range, or fewer at the end of the file.
    func read(_ range: Range<Int>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: range.count) { buffer, count in
            count = 0
            while count < range.count {
                let rest = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
                let step = pread(self.number, rest.baseAddress, rest.count, off_t(range.lowerBound + count))
                if step < 0, errno == EINTR { continue }
                guard step > 0 else { return }
                count += step
            }
        }
    }

    private static func open(_ path: String, _ flags: Int32) throws(LogFileError) -> LogDescriptor {
        #if canImport(Glibc)
        let number = Glibc.open(path, flags, 0o600)
        #elseif canImport(Musl)
        let number = Musl.open(path, flags, 0o600)
        #else
        let number = Darwin.open(path, flags, 0o600)
        #endif
        guard number >= 0 else { throw LogFileError(cannot: "open", path) }
        let descriptor = LogDescriptor(number: number, path: path)
        var status = stat()
        guard fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw LogFileError("\(path) is no ordinary file, and only such a one can be rotated and read back")
        }
        return descriptor
    }
}

extension LogDescriptor.Identity {
    fileprivate init(_ status: stat) {
        self.init(device: UInt64(truncatingIfNeeded: status.st_dev), node: UInt64(truncatingIfNeeded: status.st_ino))
    }
}
