/// A snapshot as bytes: one line of heading, `rollcall-snapshot <version> <bytes> <CRC-32C>`, then that much JSON.
enum SnapshotFormat {
    private static let name = "rollcall-snapshot"
    private static let version = "1"
    /// The greatest length of a heading.
    private static let maximumHeading = 96

    /// The bytes of contents.
    ///
    /// - Parameter contents: What to keep.
    /// - Returns: The whole file.
    /// - Throws: A ``ValidationError`` for contents that could not be read again.
    static func bytes(of contents: SnapshotContents) throws(ValidationError) -> [UInt8] {
        let json = try contents.json()
        return Array(self.heading(of: json[...]).utf8) + json
    }

    /// Reads the bytes of a whole file.
    ///
    /// - Parameter bytes: The whole file.
    /// - Returns: All of what it says.
    /// - Throws: `unsupported` for another version; `protocolViolation` for what is no snapshot, cut off or damaged.
    static func contents(of bytes: [UInt8]) throws(BackendError) -> SnapshotContents {
        guard !bytes.isEmpty else { throw BackendError(.protocolViolation, "it is empty") }
        guard let end = bytes.prefix(self.maximumHeading).firstIndex(of: UInt8(ascii: "\n")) else {
            throw BackendError(.protocolViolation, "it does not begin with a line '\(self.name) …'")
        }
        let json = bytes[(end + 1)...]
        let line = String(decoding: bytes[...end], as: UTF8.self)
        guard line.utf8.elementsEqual(self.heading(of: json).utf8) else { throw self.diagnosis(line, json) }
        do throws(ValidationError) {
            return try SnapshotContents(json: json)
        } catch {
            let code: BackendError.Code = error.field == "schema" ? .unsupported : .protocolViolation
            throw BackendError(code, "its JSON cannot be read: \(error)", cause: error)
        }
    }

    private static func heading(of json: ArraySlice<UInt8>) -> String {
        "\(self.name) \(self.version) \(json.count) \(CRC32C.text(json))\n"
    }

    /// Why a heading is not the one that fits the JSON behind it.
    private static func diagnosis(_ line: String, _ json: ArraySlice<UInt8>) -> BackendError {
        let words = line.dropLast().split(separator: " ", omittingEmptySubsequences: false)
        guard words.count > 1, words[0] == self.name else {
            return BackendError(.protocolViolation, "it does not begin with a line '\(self.name) …'")
        }
        guard words[1] == self.version else {
            return BackendError(
                .unsupported,
                "it is of version \(words[1].quotedForDisplay), and this program reads version \(self.version)"
            )
        }
        guard words.count == 4, let count = Int(words[2]) else {
            return BackendError(.protocolViolation, "its first line is damaged: \(line.quotedForDisplay)")
        }
        guard json.count == count else {
            let what = json.count < count ? "it is cut off" : "something follows its end"
            return BackendError(
                .protocolViolation,
                "\(what): \(count) bytes of JSON are announced, \(json.count) are there"
            )
        }
        return BackendError(.protocolViolation, "it is damaged: its checksum is wrong")
    }
}
