#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The file in which a discovery keeps what it knows, for a start while the backend is down.
///
/// It is there whole or not at all: every write makes a new file and moves it into place, and a reader takes only what
/// is complete and undamaged. What is read decides whom this process calls, so it is read only from a file that nobody
/// but this user and root can have written.
///
/// Reading and writing block, so that they belong on a thread that may. Any number of processes may use one path: the
/// last write stays.
package struct SnapshotFile: Hashable, Sendable {
    /// The greatest size of a file.
    package static let maximumBytes = 256 << 20

    /// Where the file is.
    package let path: String
    /// The folder that it is in.
    let folder: String
    /// Its name there.
    let name: String
    let maximumBytes: Int

    /// Names the file, which need not be there.
    ///
    /// - Parameter path: The path of a file in a folder that is there when it is written.
    /// - Throws: A ``ValidationError`` for the field `snapshotPath` when the path can be none of a file.
    package init(path: String) throws(ValidationError) {
        try self.init(path: path, maximumBytes: Self.maximumBytes)
    }

    init(path: String, maximumBytes: Int) throws(ValidationError) {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let name = slash.map { path[path.utf8.index(after: $0)...] } ?? path[...]
        guard !path.hasControlCharacter, !["", ".", ".."].contains(name) else {
            throw ValidationError(field: "snapshotPath", message: "\(path.quotedForDisplay) is not the path of a file")
        }
        // Systems take 255, and a file that is being written has a longer name.
        guard name.utf8.count <= 200 else {
            throw ValidationError(
                field: "snapshotPath",
                message: "the name of the file has \(name.utf8.count) bytes, and may have 200",
                limit: 200
            )
        }
        let folder = slash.map { path[..<$0] } ?? "."
        self.path = path
        self.folder = folder.isEmpty ? "/" : String(folder)
        self.name = String(name)
        self.maximumBytes = maximumBytes
    }

    /// Puts contents in place of the file's, all or nothing, on the disk when this returns.
    ///
    /// What writers that were killed left behind is removed after a minute.
    ///
    /// - Parameter contents: What to keep.
    /// - Throws: A ``BackendError``, after which the file is as it was: `notFound` when the folder is missing,
    ///   `permissionDenied` when this user may not write there or something other than a file is in place,
    ///   `unavailable` when the disk takes no more, `tooLarge` and `invalidArgument` for contents that could not be
    ///   read again.
    package func write(_ contents: SnapshotContents) throws(BackendError) {
        let bytes: [UInt8]
        do throws(ValidationError) {
            bytes = try SnapshotFormat.bytes(of: contents)
        } catch {
            throw BackendError(error)
        }
        try self.write(bytes)
    }

    /// Puts bytes in place of the file's, all or nothing, on the disk when this returns.
    ///
    /// - Parameter bytes: What to keep.
    /// - Throws: A ``BackendError`` as ``write(_:)-(SnapshotContents)``.
    func write(_ bytes: [UInt8]) throws(BackendError) {
        guard bytes.count <= self.maximumBytes else { throw self.tooLarge(bytes.count, "write") }
        let folder = try self.openFolder("write")
        try self.checkPlace(in: folder)
        do throws(SystemFailure) {
            try self.replace(with: bytes, in: folder)
        } catch {
            throw self.error(error, "write")
        }
    }

    /// Reads the file.
    ///
    /// - Returns: All of what it says, or `nil` when there is no file.
    /// - Throws: A ``BackendError``: `notFound` when the folder is missing; `permissionDenied` for something other than
    ///   a file, and for a file that others can have written; `tooLarge` above ``maximumBytes``; `protocolViolation`
    ///   for a file that is damaged or something else; `unsupported` for one of another version; `unavailable` when
    ///   the disk does not answer.
    package func read() throws(BackendError) -> SnapshotContents? {
        guard let bytes = try self.readBytes() else { return nil }
        do throws(BackendError) {
            return try SnapshotFormat.contents(of: bytes)
        } catch {
            throw self.unusable(error)
        }
    }

    /// Reads the file, whatever it says.
    ///
    /// - Returns: All of its bytes, or `nil` when there is no file.
    /// - Throws: A ``BackendError`` as ``read()``.
    func readBytes() throws(BackendError) -> [UInt8]? {
        let folder = try self.openFolder("read")
        let found: Found
        do throws(SystemFailure) {
            found = try self.find(in: folder)
        } catch {
            throw self.error(error, "read")
        }
        switch found {
        case .nothing: return nil
        case .refused(let error): throw error
        case .file(let bytes):
            guard bytes.count <= self.maximumBytes else { throw self.tooLarge(bytes.count, "read") }
            return bytes
        }
    }

    /// What is in the file's place.
    private enum Found {
        case nothing
        case refused(BackendError)
        case file([UInt8])
    }

    private func find(in folder: borrowing OwnedDescriptor) throws(SystemFailure) -> Found {
        // Without blocking, because a pipe would wait for a writer.
        let number = openat(folder.number, self.name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        if number < 0, errno == ENOENT { return .nothing }
        let file = try OwnedDescriptor(number)
        if let refusal = self.refusal(of: try file.status(), user: geteuid()) { return .refused(refusal) }
        return .file(try file.readAll(atMost: self.maximumBytes + 1))
    }

    /// Says of what was found in the file that the file is not used for that reason.
    func unusable(_ error: BackendError) -> BackendError {
        var error = error
        error.message = "the snapshot \(self.path) is not used: \(error.message); the next write replaces it"
        return error
    }
}
