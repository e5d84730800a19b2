import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The journal's file and the lock of its folder.
///
/// Writes are appended and not synced: they survive the process, not a power cut. A write that fails half-way is cut
/// off again, so that the file always ends with a whole line.
final class JournalFile: Sendable {
    /// A descriptor that is closed with its owner.
    private final class Descriptor: Sendable {
        let number: Int32

        init(_ number: Int32) {
            self.number = number
        }

        deinit {
            close(self.number)
        }
    }

    private struct State {
        var file: Descriptor
        var length: Int
    }

    private static let name = "registry.journal"

    private let folder: String
    private let lock: Descriptor
    private let state: Mutex<State>

    /// The size of the file in bytes.
    var length: Int { self.state.withLock { $0.length } }

    /// Takes the lock of a data folder, for which a process that is just ending may need a moment, and so may one that
    /// this process is just starting, which has a copy of every descriptor until it runs its own program.
    private static func takeLock(_ descriptor: Int32) -> Bool {
        for _ in 0..<50 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            usleep(10_000)
        }
        return false
    }

    /// Makes a folder, and those above it that are missing.
    private static func makeFolder(_ folder: String) throws(BackendError) {
        guard mkdir(folder, 0o700) != 0, errno != EEXIST else { return }
        let failure = errno
        let parent = folder.lastIndex(of: "/").map { folder[..<$0] } ?? ""
        guard failure == ENOENT, !parent.isEmpty else { throw Self.fault("make the data folder", folder) }
        try self.makeFolder(String(parent))
        guard mkdir(folder, 0o700) != 0, errno != EEXIST else { return }
        throw Self.fault("make the data folder", folder)
    }

    /// Opens the journal of a folder, and makes folder and journal where they are missing.
    ///
    /// - Parameters:
    ///   - folder: The path of the data folder. Made with access for its owner only.
    ///   - epoch: The identity that a new folder gets.
    /// - Returns: The journal, and what it says.
    /// - Throws: `unavailable` when the folder cannot be used; `protocolViolation` for a journal that cannot be read.
    static func open(
        folder: String,
        epoch: String
    ) throws(BackendError) -> (journal: JournalFile, contents: JournalFormat.Contents) {
        try Self.makeFolder(folder)
        let lock = try Self.openFile(folder + "/lock", O_RDWR | O_CREAT)
        guard Self.takeLock(lock.number) else {
            throw BackendError(
                .unavailable,
                "another process uses the data folder \(folder); stop it, or name another folder",
                backend: "hub"
            )
        }
        let path = folder + "/" + Self.name
        var file = try Self.openFile(path, O_RDWR | O_CREAT)
        var bytes = try Self.read(file, path)
        if bytes.isEmpty {
            bytes = JournalFormat.heading(epoch: epoch)
            file = try Self.replace(path, with: bytes)
        }
        let contents: JournalFormat.Contents
        do throws(ValidationError) {
            contents = try JournalFormat.read(bytes)
        } catch {
            throw BackendError(
                .protocolViolation,
                "\(path) cannot be read: \(error.message). Nothing was changed; move the file away to begin anew",
                backend: "hub",
                cause: error
            )
        }
        guard ftruncate(file.number, off_t(contents.length)) == 0 else { throw Self.fault("cut", path) }
        return (JournalFile(folder: folder, lock: lock, file: file, length: contents.length), contents)
    }

    private init(folder: String, lock: Descriptor, file: Descriptor, length: Int) {
        self.folder = folder
        self.lock = lock
        self.state = Mutex(State(file: file, length: length))
    }

    /// Appends whole lines.
    ///
    /// - Parameters:
    ///   - bytes: The lines.
    ///   - syncs: Whether they must be on the disk when this returns.
    /// - Throws: `unavailable` when they could not be written; then nothing of them is in the file.
    func append(_ bytes: [UInt8], syncs: Bool) throws(BackendError) {
        let path = self.folder + "/" + Self.name
        try self.state.withLock { (state) throws(BackendError) in
            do throws(BackendError) {
                try Self.write(bytes, to: state.file, at: state.length, path)
                if syncs, fsync(state.file.number) != 0 { throw Self.fault("sync", path) }
            } catch {
                ftruncate(state.file.number, off_t(state.length))
                throw error
            }
            state.length += bytes.count
        }
    }

    /// Puts other contents in place of the file's, all or nothing.
    ///
    /// - Parameter bytes: The whole file.
    /// - Throws: `unavailable` when they could not be written; then the file is as it was.
    func rewrite(_ bytes: [UInt8]) throws(BackendError) {
        try self.state.withLock { (state) throws(BackendError) in
            state.file = try Self.replace(self.folder + "/" + Self.name, with: bytes)
            state.length = bytes.count
        }
    }
}

extension JournalFile {
    private static func openFile(_ path: String, _ flags: Int32) throws(BackendError) -> Descriptor {
        // A link planted in the folder must not make us write elsewhere.
        let number = Self.system.open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw Self.fault("open", path) }
        return Descriptor(number)
    }

    private static func read(_ file: Descriptor, _ path: String) throws(BackendError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = pread(file.number, &chunk, chunk.count, off_t(bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.fault("read", path) }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    private static func write(
        _ bytes: [UInt8],
        to file: Descriptor,
        at offset: Int,
        _ path: String
    ) throws(BackendError) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                pwrite(file.number, $0.baseAddress, $0.count, off_t(offset + written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.fault("write", path) }
            written += count
        }
    }

    /// Writes a new file, syncs it and moves it into place, so that a power cut leaves the one or the other.
    private static func replace(_ path: String, with bytes: [UInt8]) throws(BackendError) -> Descriptor {
        let fresh = path + ".new"
        let file = try Self.openFile(fresh, O_RDWR | O_CREAT | O_TRUNC)
        do throws(BackendError) {
            try Self.write(bytes, to: file, at: 0, fresh)
            guard fsync(file.number) == 0 else { throw Self.fault("sync", fresh) }
            guard rename(fresh, path) == 0 else { throw Self.fault("rename", fresh) }
        } catch {
            // What is half written takes space that the next attempt needs.
            unlink(fresh)
            throw error
        }
        // The file has its name from here on, so that this cannot fail any more: a folder that cannot be synced only
        // makes a power cut more likely to bring the old file back.
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        if let directory = try? Self.openFile(folder, O_RDONLY | O_DIRECTORY) { fsync(directory.number) }
        return file
    }

    private static func fault(_ verb: String, _ path: String) -> BackendError {
        let reason = String(cString: strerror(errno))
        return BackendError(
            .unavailable,
            "cannot \(verb) \(path): \(reason); the data folder must be on a disk with space and writable for this user",
            backend: "hub",
            applied: .no
        )
    }

    private enum system {
        static func open(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 {
            #if canImport(Glibc)
            Glibc.open(path, flags, mode)
            #elseif canImport(Musl)
            Musl.open(path, flags, mode)
            #else
            Darwin.open(path, flags, mode)
            #endif
        }
    }
}
