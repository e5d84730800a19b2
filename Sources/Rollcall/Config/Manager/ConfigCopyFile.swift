/// The file with the last good editions: checksummed, of a version, for this user alone, and sealed if there is a key.
struct ConfigCopyFile: Sendable {
    private static let plain = FileFrame(name: "rollcall-config", version: "1", contents: "JSON")
    private static let sealed = FileFrame(name: "rollcall-config-sealed", version: "1", contents: "sealed JSON")

    /// Where it is, and how it is written and read.
    let file: SnapshotFile
    /// What it is sealed with.
    let key: SealingKey?

    /// Names the file, which need not be there.
    ///
    /// - Parameters:
    ///   - path: The path of a file in a folder that is there when it is written.
    ///   - key: What it is sealed with; `nil` for not at all.
    /// - Throws: A ``ValidationError`` for the field `diskCopy` when the path can be none of a file.
    init(path: String, key: SealingKey?) throws(ValidationError) {
        do throws(ValidationError) {
            self.file = try SnapshotFile(path: path)
        } catch {
            throw ValidationError(field: "diskCopy", message: error.message, limit: error.limit)
        }
        self.key = key
    }

    /// Writes the file, all or nothing.
    ///
    /// - Parameter copy: What to keep.
    /// - Throws: A ``BackendError`` as ``SnapshotFile``, after which the file is as it was.
    func write(_ copy: ConfigCopy) throws(BackendError) { try self.file.write(self.bytes(of: copy)) }

    /// Reads the file.
    ///
    /// - Returns: What it says, or `nil` when there is none.
    /// - Throws: A ``BackendError`` as ``SnapshotFile``: also for one that is sealed and should not be, the other way
    ///   round, or that cannot be opened with the key.
    func read() throws(BackendError) -> ConfigCopy? {
        guard let bytes = try self.file.readBytes() else { return nil }
        do throws(BackendError) {
            return try self.copy(of: bytes)
        } catch {
            throw self.file.unusable(error)
        }
    }

    /// The bytes of the whole file.
    func bytes(of copy: ConfigCopy) -> [UInt8] {
        guard let key = self.key else { return Self.plain.bytes(around: copy.json()) }
        return Self.sealed.bytes(around: key.seal(copy.json(), context: Self.sealed.name))
    }

    /// Reads the bytes of the whole file.
    ///
    /// - Parameter bytes: The bytes.
    /// - Returns: What they say.
    /// - Throws: Why they are not used.
    func copy(of bytes: [UInt8]) throws(BackendError) -> ConfigCopy {
        let json = try self.json(in: bytes)
        do throws(ValidationError) {
            return try ConfigCopy(json: json)
        } catch {
            // What an error quotes may be secret, where it is sealed.
            let detail = self.key == nil ? "\(error)" : error.field
            let code: BackendError.Code = error.field == "schema" ? .unsupported : .protocolViolation
            throw BackendError(code, "its JSON cannot be read: \(detail)")
        }
    }

    private func json(in bytes: [UInt8]) throws(BackendError) -> [UInt8] {
        let isSealed = bytes.starts(with: Self.sealed.name.utf8)
        guard let key = self.key else {
            guard !isSealed else { throw BackendError(.permissionDenied, "it is encrypted, and no key is given") }
            return Array(try Self.plain.contents(of: bytes))
        }
        // Anybody could have written it.
        guard isSealed || !bytes.starts(with: Self.plain.name.utf8) else {
            throw BackendError(.permissionDenied, "it is not encrypted, though a key is given")
        }
        let sealed = Array(try Self.sealed.contents(of: bytes))
        do throws(SealError) {
            return try key.open(sealed, context: Self.sealed.name)
        } catch {
            throw BackendError(.permissionDenied, "it cannot be opened: \(error)", cause: error)
        }
    }
}
