import Rollcall

/// The journal as bytes: a heading, then one line for each record, `<CRC-32C> <JSON>`.
enum JournalFormat {
    /// What a journal says.
    struct Contents: Hashable {
        /// The identity of the data folder.
        var epoch: String
        var records: [JournalRecord] = []
        /// How many bytes of the file make sense; what is behind is the torn end of a write that was not acknowledged.
        var length: Int
    }

    private static let name = "rollcall-journal"
    private static let version = "1"

    /// The heading of a new journal.
    static func heading(epoch: String) -> [UInt8] {
        Array("\(Self.name) \(Self.version) \(epoch)\n".utf8)
    }

    /// The line of one record.
    static func line(_ record: JournalRecord) -> [UInt8] {
        let json = record.json
        return Array(CRC32C.text(json).utf8) + [UInt8(ascii: " ")] + json + [UInt8(ascii: "\n")]
    }

    /// Reads a journal.
    ///
    /// The last line may be torn: it does not end, because the process died while it wrote it, and nobody was told that
    /// it is there. A whole line that is damaged was acknowledged, so leaving it out in silence would lose something.
    ///
    /// - Parameter bytes: The whole file.
    /// - Returns: What it says.
    /// - Throws: A ``ValidationError`` for a file that is no journal, of another version, or damaged.
    static func read(_ bytes: [UInt8]) throws(ValidationError) -> Contents {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            throw ValidationError(field: "", message: "the first line is not '\(Self.name) \(Self.version) …'")
        }
        let words = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ")
        guard words.count == 3, words[0] == Self.name else {
            throw ValidationError(field: "", message: "the first line is not '\(Self.name) \(Self.version) …'")
        }
        guard words[1] == Self.version else {
            throw ValidationError(
                field: "",
                message:
                    "it is of version \(String(words[1]).quotedForDisplay), and this program reads version \(Self.version)"
            )
        }
        var contents = Contents(epoch: String(words[2]), length: end + 1)
        while contents.length < bytes.count {
            let start = contents.length
            guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) else { return contents }
            do throws(ValidationError) {
                contents.records.append(try Self.record(bytes[start..<end]))
            } catch {
                throw ValidationError(field: "", message: "the line at byte \(start) is damaged: \(error)")
            }
            contents.length = end + 1
        }
        return contents
    }

    private static func record(_ line: ArraySlice<UInt8>) throws(ValidationError) -> JournalRecord {
        let json = line.dropFirst(9)
        guard line.count > 9, line.prefix(9).elementsEqual((CRC32C.text(json) + " ").utf8) else {
            throw ValidationError(field: "", message: "its checksum is wrong")
        }
        return try JournalRecord(json: json)
    }
}
