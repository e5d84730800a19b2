public import Rollcall
import SQLiteEngine

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Backups of what the hub keeps on the disk: configuration with its history, and how far the tokens of locks went.
public enum HubBackup {
    /// What was put back.
    public struct Restored: Sendable {
        /// How many keys there are.
        public let keys: Int
        /// Where what was there before is kept; `nil` where there was nothing.
        public let former: String?
    }

    /// Writes the state of a data folder into a file; of a folder that no hub uses.
    ///
    /// - Parameters:
    ///   - folder: The data folder.
    ///   - path: The file, which must not be there.
    /// - Throws: `unavailable` when a hub uses the folder, or the file cannot be written; `protocolViolation` for a state
    ///   that is damaged.
    public static func write(_ folder: String, to path: String) throws(BackendError) {
        guard FileManager.default.fileExists(atPath: folder + "/" + StateFile.name) else {
            throw BackendError(.notFound, "\(folder) has no configuration to make a backup of")
        }
        guard !FileManager.default.fileExists(atPath: path) else {
            throw BackendError(.invalidArgument, "\(path) is there already; name a file that is not")
        }
        let (journal, _) = try JournalFile.open(folder: folder, epoch: RandomText.hexadecimal(words: 1))
        try withExtendedLifetime(journal) { () throws(BackendError) in
            let (file, _) = try StateFile.open(folder: folder)
            try BackupFile.makePrivateFile(at: path)
            try file.copy(into: path)
        }
    }

    /// Puts a backup in place of the state of a data folder that no hub uses.
    ///
    /// What was there is kept beside it. Counts go on far above those of the backup, so that no revision or token is
    /// given again that was given after it was made; who held a lock then holds none now.
    ///
    /// - Parameters:
    ///   - path: The backup.
    ///   - folder: The data folder, made where it is missing.
    /// - Returns: What was put back.
    /// - Throws: `protocolViolation` for a backup that is damaged or none; `unavailable` when a hub uses the folder. The
    ///   folder is as it was then.
    public static func restore(_ path: String, to folder: String) throws(BackendError) -> Restored {
        guard FileManager.default.fileExists(atPath: path) else {
            throw BackendError(.notFound, "there is no file at \(path)")
        }
        let (journal, _) = try JournalFile.open(folder: folder, epoch: RandomText.hexadecimal(words: 1))
        return try withExtendedLifetime(journal) { () throws(BackendError) in
            let fresh = Self.fresh(folder)
            Self.remove(fresh)
            try Self.copy(path, to: fresh)
            let keys: Int
            do throws(BackendError) {
                keys = try StateFile.prepareRestored(at: fresh)
            } catch {
                Self.remove(fresh)
                throw error
            }
            return Restored(keys: keys, former: try Self.exchange(fresh, in: folder))
        }
    }

    /// Checks that no restore was interrupted, and removes what interrupted backups have left.
    ///
    /// - Parameter folder: The data folder, which the caller has locked.
    /// - Throws: `unavailable` when a restore moved the state away and did not put the other in its place: to begin with
    ///   nothing would look as if everything had been lost.
    static func checkFolder(_ folder: String) throws(BackendError) {
        let files = FileManager.default
        if files.fileExists(atPath: Self.fresh(folder)), !files.fileExists(atPath: folder + "/" + StateFile.name) {
            throw BackendError(
                .unavailable,
                "\(folder) has the half of a restore that was interrupted: run 'rollcall hub restore' again, or move the "
                    + "file of before it, \(StateFile.name).before-…, back to \(StateFile.name)"
            )
        }
        for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] {
            guard name.hasPrefix(Self.copyPrefix), name.hasSuffix(".sqlite") else { continue }
            Self.remove(folder + "/" + name)
        }
    }

    /// What the copies are called that a running hub makes.
    fileprivate static let copyPrefix = "backup-of-state-"

    /// What a backup is called that is about to be put in place.
    private static func fresh(_ folder: String) -> String { folder + "/" + StateFile.name + ".new" }

    private static func copy(_ path: String, to fresh: String) throws(BackendError) {
        try BackupFile.makePrivateFile(at: fresh)
        do {
            let bytes = try Data(contentsOf: URL(filePath: path), options: .mappedIfSafe)
            try bytes.write(to: URL(filePath: fresh))
        } catch {
            Self.remove(fresh)
            throw BackendError(.unavailable, "\(path) cannot be copied into the data folder", cause: error)
        }
    }

    /// Puts the new file in place, and says where the old one is.
    private static func exchange(_ fresh: String, in folder: String) throws(BackendError) -> String? {
        let name = folder + "/" + StateFile.name
        let stamp = Timestamp.text(Int64(Date().timeIntervalSince1970 * 1000)).filter { $0 != ":" }
        let former = name + ".before-" + stamp
        let files = FileManager.default
        do {
            var isKept = false
            // SQLite finds the log of a file by its name.
            for ending in ["", "-wal", "-shm"] where files.fileExists(atPath: name + ending) {
                try files.moveItem(atPath: name + ending, toPath: former + ending)
                isKept = true
            }
            try files.moveItem(atPath: fresh, toPath: name)
            return isKept ? former : nil
        } catch {
            throw BackendError(.unavailable, "the backup cannot be put in place in \(folder)", cause: error)
        }
    }

    private static func remove(_ path: String) {
        for ending in ["", "-wal", "-shm", "-journal"] { try? FileManager.default.removeItem(atPath: path + ending) }
    }
}

extension HubStore {
    /// Makes a copy of configuration, history and counts as they are now.
    func backup() async throws(BackendError) -> BackupFile {
        let folder = self.folder ?? FileManager.default.temporaryDirectory.path()
        let path =
            folder + (folder.hasSuffix("/") ? "" : "/") + HubBackup.copyPrefix + RandomText.hexadecimal(words: 1)
            + ".sqlite"
        return try await self.config.state.commit { commit throws(BackendError) in
            try BackupFile.makePrivateFile(at: path)
            do throws(BackendError) {
                try commit.file.copy(into: path)
            } catch {
                // What was begun is of no use.
                _ = try? BackupFile(path: path)
                throw error
            }
            return try BackupFile(path: path)
        }
    }
}
