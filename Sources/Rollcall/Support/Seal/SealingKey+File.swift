#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension SealingKey {
    /// Reads a key from a file that nobody else may read.
    ///
    /// Links are followed, because that is how secrets are mounted; what counts is the file at their end.
    ///
    /// - Parameter file: The path of a file with 32 bytes in base64, with white space around them or without. It belongs
    ///   to this user or to root, and its mode is 600 or 400.
    /// - Throws: A ``BackendError`` that has nothing of the content: `notFound`, `permissionDenied` for a file that
    ///   others may read or write, `invalidArgument` for a content that is no key, `unavailable` when the disk does not
    ///   answer.
    public init(file: String) throws(BackendError) {
        let place = "the key file \(file.quotedForDisplay)"
        let bytes = try KeyFile.read(file, place)
        do throws(ValidationError) {
            guard bytes.count <= KeyFile.maximumBytes, let text = String(validating: bytes, as: UTF8.self) else {
                throw ValidationError(
                    field: "key",
                    message: "a key is \(Self.byteCount) bytes in base64; this is something else"
                )
            }
            try self.init(base64: text)
        } catch {
            throw BackendError(.invalidArgument, "\(place) is not used: \(error.message)")
        }
    }
}

/// Reads what stands in a file that nobody else may read.
private enum KeyFile {
    static let maximumBytes = 1024

    static func read(_ file: String, _ place: String) throws(BackendError) -> [UInt8] {
        var refusal: BackendError?
        do throws(SystemFailure) {
            // A pipe would wait for a writer.
            let descriptor = try OwnedDescriptor(open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
            refusal = self.refusal(of: try descriptor.status(), place)
            if refusal == nil { return try descriptor.readAll(atMost: self.maximumBytes + 1) }
        } catch {
            throw self.error(error, place)
        }
        throw refusal ?? BackendError(.permissionDenied, "\(place) is not used")
    }

    private static func refusal(of status: stat, _ place: String) -> BackendError? {
        guard status.st_mode & S_IFMT == S_IFREG else {
            return BackendError(.permissionDenied, "\(place) is not used: it is not a file")
        }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            return BackendError(
                .permissionDenied,
                "\(place) is not used: it belongs to user \(status.st_uid), who knows the key then;"
                    + " give it to user \(geteuid())"
            )
        }
        guard status.st_mode & 0o077 == 0 else {
            let mode = String(status.st_mode & 0o7777, radix: 8)
            return BackendError(
                .permissionDenied,
                "\(place) is not used: others may read or write it (mode \(mode)); set its mode to 600"
            )
        }
        return nil
    }

    private static func error(_ failure: SystemFailure, _ place: String) -> BackendError {
        let code: BackendError.Code =
            switch failure.number {
            case ENOENT, ENOTDIR: .notFound
            case EACCES, EPERM, ELOOP, ENXIO: .permissionDenied
            default: .unavailable
            }
        return BackendError(code, "cannot read \(place): \(failure)", cause: failure)
    }
}
