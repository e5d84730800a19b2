/// A snapshot as bytes: one line of heading, `rollcall-snapshot <version> <bytes> <CRC-32C>`, then that much JSON.
enum SnapshotFormat {
    private static let frame = FileFrame(name: "rollcall-snapshot", version: "1", contents: "JSON")

    /// The bytes of contents.
    ///
    /// - Parameter contents: What to keep.
    /// - Returns: The whole file.
    /// - Throws: A ``ValidationError`` for contents that could not be read again.
    static func bytes(of contents: SnapshotContents) throws(ValidationError) -> [UInt8] {
        self.frame.bytes(around: try contents.json())
    }

    /// Reads the bytes of a whole file.
    ///
    /// - Parameter bytes: The whole file.
    /// - Returns: All of what it says.
    /// - Throws: `unsupported` for another version; `protocolViolation` for what is no snapshot, cut off or damaged.
    static func contents(of bytes: [UInt8]) throws(BackendError) -> SnapshotContents {
        let json = try self.frame.contents(of: bytes)
        do throws(ValidationError) {
            return try SnapshotContents(json: json)
        } catch {
            let code: BackendError.Code = error.field == "schema" ? .unsupported : .protocolViolation
            throw BackendError(code, "its JSON cannot be read: \(error)", cause: error)
        }
    }
}
