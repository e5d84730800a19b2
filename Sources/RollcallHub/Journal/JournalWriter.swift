import Rollcall
import Synchronization

/// Takes records in the order of the changes, and writes what has gathered in one go before anybody is answered.
final class JournalWriter: Sendable {
    private struct Buffer {
        /// Lines that are not in the file yet.
        var lines: [UInt8] = []
        /// What the whole file is to be instead, before the lines; after a compaction.
        var replacement: [UInt8]?
        /// Whether the next write must reach the disk.
        var syncs = false
        /// The last revision that a restart will not give out again.
        var reserved: UInt64

        mutating func reserve(_ revision: UInt64) {
            guard revision >= self.reserved else { return }
            self.reserved = revision + JournalWriter.block
            self.lines += JournalFormat.line(.reserve(revision: self.reserved))
            self.syncs = true
        }
    }

    /// How many revisions are reserved at a time: one synced write for each block.
    private static let block: UInt64 = 1 << 20

    private let file: JournalFile
    private let buffer: Mutex<Buffer>
    /// Held while the file is written, so that lines are in it in the order in which they came.
    private let writing = Mutex(())

    /// Creates a writer.
    ///
    /// - Parameters:
    ///   - file: Where to write.
    ///   - reserved: The last revision that was reserved.
    init(file: JournalFile, reserved: UInt64) {
        self.file = file
        self.buffer = Mutex(Buffer(reserved: reserved))
    }

    /// The size of the file in bytes.
    var length: Int { self.file.length }

    /// Takes a record.
    ///
    /// Called in the order of the changes, under the registry's lock; it does not write.
    ///
    /// - Parameters:
    ///   - record: What changed.
    ///   - revision: The number of the change.
    func note(_ record: JournalRecord, revision: UInt64) {
        let line = JournalFormat.line(record)
        self.buffer.withLock { buffer in
            buffer.reserve(revision)
            buffer.lines += line
        }
    }

    /// Takes what the file is to be from now on, in place of all that was noted before.
    ///
    /// Does not write.
    ///
    /// - Parameters:
    ///   - epoch: The identity of the data folder.
    ///   - records: All that there is.
    ///   - revision: The number of the last change.
    func noteAll(epoch: String, _ records: [JournalRecord], revision: UInt64) {
        let lines = records.flatMap(JournalFormat.line)
        self.buffer.withLock { buffer in
            buffer.reserved = max(buffer.reserved, revision) + Self.block
            let reservation = JournalFormat.line(.reserve(revision: buffer.reserved))
            buffer.replacement = JournalFormat.heading(epoch: epoch) + reservation + lines
            buffer.lines = []
        }
    }

    /// Writes all that was noted before this call.
    ///
    /// - Throws: `unavailable`, `applied` unknown, when it cannot be written; it is kept for the next call.
    func flush() throws(BackendError) {
        let failure = self.writing.withLock { _ -> BackendError? in
            let taken = self.buffer.withLock { buffer in
                defer { (buffer.lines, buffer.replacement, buffer.syncs) = ([], nil, false) }
                return (lines: buffer.lines, replacement: buffer.replacement, syncs: buffer.syncs)
            }
            var replacement = taken.replacement
            do throws(BackendError) {
                if let bytes = replacement { try self.file.rewrite(bytes) }
                replacement = nil
                if !taken.lines.isEmpty { try self.file.append(taken.lines, syncs: taken.syncs) }
                return nil
            } catch {
                self.buffer.withLock { buffer in
                    // A compaction that was noted meanwhile contains what could not be written.
                    guard buffer.replacement == nil else { return }
                    buffer.replacement = replacement
                    buffer.lines = taken.lines + buffer.lines
                    buffer.syncs = taken.syncs || buffer.syncs
                }
                return error
            }
        }
        guard var failure else { return }
        failure.applied = .unknown
        throw failure
    }
}
