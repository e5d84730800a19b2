/// What stands around the contents of a file: one line of heading, `<name> <version> <bytes> <CRC-32C>`, then that much.
struct FileFrame {
    /// The greatest length of a heading.
    private static let maximumHeading = 96

    /// What every such file begins with.
    let name: String
    /// Which version this program reads and writes.
    let version: String
    /// What the contents are called in messages.
    let contents: String

    /// The bytes of a file.
    func bytes(around contents: [UInt8]) -> [UInt8] { Array(self.heading(of: contents[...]).utf8) + contents }

    /// Takes the contents out of the bytes of a whole file.
    ///
    /// - Parameter bytes: The whole file.
    /// - Returns: The contents.
    /// - Throws: `unsupported` for another version; `protocolViolation` for another file, one cut off or damaged.
    func contents(of bytes: [UInt8]) throws(BackendError) -> ArraySlice<UInt8> {
        guard !bytes.isEmpty else { throw BackendError(.protocolViolation, "it is empty") }
        guard let end = bytes.prefix(Self.maximumHeading).firstIndex(of: UInt8(ascii: "\n")) else {
            throw BackendError(.protocolViolation, "it does not begin with a line '\(self.name) …'")
        }
        let contents = bytes[(end + 1)...]
        let line = String(decoding: bytes[...end], as: UTF8.self)
        guard line.utf8.elementsEqual(self.heading(of: contents).utf8) else { throw self.diagnosis(line, contents) }
        return contents
    }

    private func heading(of contents: ArraySlice<UInt8>) -> String {
        "\(self.name) \(self.version) \(contents.count) \(CRC32C.text(contents))\n"
    }

    /// Why a heading is not the one that fits the contents behind it.
    private func diagnosis(_ line: String, _ contents: ArraySlice<UInt8>) -> BackendError {
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
        guard contents.count == count else {
            let what = contents.count < count ? "it is cut off" : "something follows its end"
            return BackendError(
                .protocolViolation,
                "\(what): \(count) bytes of \(self.contents) are announced, \(contents.count) are there"
            )
        }
        return BackendError(.protocolViolation, "it is damaged: its checksum is wrong")
    }
}
