#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension SnapshotFile {
    /// How long a file that is being written may take, by the clock of its disk.
    private static let longestWrite = 60

    /// What the name of a file that is being written begins with; 16 random hexadecimal digits follow.
    private var freshPrefix: String { self.name + ".tmp-" }

    /// Refuses a place where something other than a file is: moving a file over a device would take the device away.
    func checkPlace(in folder: borrowing OwnedDescriptor) throws(BackendError) {
        var status = stat()
        guard fstatat(folder.number, self.name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFREG else { throw self.notAFile(status.st_mode) }
    }

    /// Writes a new file, syncs it and moves it into place, so that a power cut leaves the one or the other.
    func replace(with bytes: [UInt8], in folder: borrowing OwnedDescriptor) throws(SystemFailure) {
        let fresh = self.freshPrefix + RandomText.hexadecimal(words: 1)
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
        let file = try OwnedDescriptor(openat(folder.number, fresh, flags, 0o600))
        do throws(SystemFailure) {
            self.removeLeftovers(in: folder, before: try file.status().modifiedAt - Self.longestWrite)
            try file.write(bytes)
            guard fsync(file.number) == 0 else { throw SystemFailure() }
            guard renameat(folder.number, fresh, folder.number, self.name) == 0 else { throw SystemFailure() }
        } catch {
            // What is half written takes space that the next attempt needs.
            unlinkat(folder.number, fresh, 0)
            throw error
        }
        // The file has its name from here on, so that this cannot fail any more: a folder that cannot be synced only
        // makes a power cut more likely to bring the old file back.
        fsync(folder.number)
    }

    /// Removes what writers left that were killed; what cannot be removed is left to the next write.
    private func removeLeftovers(in folder: borrowing OwnedDescriptor, before limit: Int) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: self.folder)) ?? []
        for name in names where self.isLeftover(name) {
            var status = stat()
            guard fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
                status.st_mode & S_IFMT == S_IFREG, status.modifiedAt < limit
            else { continue }
            unlinkat(folder.number, name, 0)
        }
    }

    private func isLeftover(_ name: String) -> Bool {
        let digits = name.utf8.dropFirst(self.freshPrefix.utf8.count)
        return name.utf8.starts(with: self.freshPrefix.utf8) && digits.count == 16
            && digits.allSatisfy { $0.hexadecimalValue != nil }
    }
}

extension stat {
    /// When the contents last changed, in seconds since 1970 by the clock of the disk.
    var modifiedAt: Int {
        #if canImport(Darwin)
        self.st_mtimespec.tv_sec
        #else
        self.st_mtim.tv_sec
        #endif
    }
}

extension OwnedDescriptor {
    /// What the system says about the file.
    func status() throws(SystemFailure) -> stat {
        var status = stat()
        guard fstat(self.number, &status) == 0 else { throw SystemFailure() }
        return status
    }

    /// Writes all of `bytes`.
    func write(_ bytes: [UInt8]) throws(SystemFailure) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes {
                pwrite(self.number, $0.baseAddress, $0.count, off_t(written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemFailure(number: count < 0 ? errno : ENOSPC) }
            written += count
        }
    }

    /// Reads to the end, or until there are `limit` bytes.
    func readAll(atMost limit: Int) throws(SystemFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit, 1 << 20))
        while bytes.count < limit {
            let count = pread(self.number, &chunk, min(chunk.count, limit - bytes.count), off_t(bytes.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemFailure() }
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk[..<count])
        }
        return bytes
    }
}
