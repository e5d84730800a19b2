#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension SnapshotFile {
    /// Opens the folder, so that all that follows happens in the same one whatever is renamed meanwhile.
    func openFolder(_ verb: String) throws(BackendError) -> OwnedDescriptor {
        do throws(SystemFailure) {
            return try OwnedDescriptor(open(self.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        } catch {
            guard error.number == ENOENT || error.number == ENOTDIR else { throw self.error(error, verb) }
            throw BackendError(
                .notFound,
                "there is no folder \(self.folder) for the snapshot \(self.path); make it, or name another path",
                cause: error
            )
        }
    }

    /// Why a file is not read, or `nil` when it is.
    ///
    /// - Parameters:
    ///   - status: What the system says about it.
    ///   - user: Who reads.
    /// - Returns: The reason and what to do.
    func refusal(of status: stat, user: uid_t) -> BackendError? {
        guard status.st_mode & S_IFMT == S_IFREG else { return self.notAFile(status.st_mode) }
        guard status.st_uid == user || status.st_uid == 0 else {
            return self.refusal(
                "it belongs to user \(status.st_uid) and this process is user \(user), so that somebody else decides"
                    + " whom it calls",
                "remove it, or give it to user \(user)"
            )
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            let mode = String(status.st_mode & 0o7777, radix: 8)
            return self.refusal("others may write it (mode \(mode))", "remove it, or set its mode to 600")
        }
        return status.st_size > self.maximumBytes ? self.tooLarge(Int(status.st_size), "read") : nil
    }

    func notAFile(_ mode: mode_t) -> BackendError {
        let what =
            switch mode & S_IFMT {
            case S_IFDIR: "a folder"
            case S_IFLNK: "a symbolic link, which is not followed"
            default: "not a file"
            }
        return self.refusal("it is \(what)", "remove it, or name another path")
    }

    private func refusal(_ reason: String, _ remedy: String) -> BackendError {
        BackendError(.permissionDenied, "the snapshot \(self.path) is not used: \(reason); \(remedy)")
    }

    func tooLarge(_ count: Int, _ verb: String) -> BackendError {
        var error = BackendError(
            .tooLarge,
            "cannot \(verb) the snapshot \(self.path): it has \(count) bytes, and may have \(self.maximumBytes)"
        )
        error.limit = self.maximumBytes
        return error
    }

    /// What the system refused.
    func error(_ failure: SystemFailure, _ verb: String) -> BackendError {
        let message = "cannot \(verb) the snapshot \(self.path): \(failure)"
        switch failure.number {
        case ELOOP:
            return self.notAFile(S_IFLNK)
        case ENXIO, EISDIR:
            return self.notAFile(failure.number == EISDIR ? S_IFDIR : 0)
        case EACCES, EPERM, EROFS:
            let remedy = "let user \(geteuid()) \(verb) it and write in its folder"
            return BackendError(.permissionDenied, "\(message); \(remedy)", cause: failure)
        case ENOSPC, EDQUOT, EFBIG:
            return BackendError(.unavailable, "\(message); make space on that disk", cause: failure)
        default:
            return BackendError(.unavailable, message, cause: failure)
        }
    }
}
