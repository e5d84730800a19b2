import Rollcall
import Synchronization

/// Takes records in the order of the changes, and writes what has gathered in one go before anybody is answered.
final class JournalWriter: Sendable {
    private struct Buffer {
        /// Lines that are not in the file yet.
        var lines: [UInt8] = []
        /// What the whole file may be instead of what it is and `superseded`, before the lines; after a compaction.
        var replacement: [UInt8]?
        /// Lines that the replacement makes needless, kept in case that it cannot be written.
        var superseded: [UInt8] = []
        /// Whether the next write must reach the disk.
        var syncs = false
        /// Whether the last write failed.
        var hasFailed = false
        /// The last revision that a restart will not give out again.
        var reserved: UInt64

        /// Reserves the next block while half of the present one is left, so that readers never see a revision that
        /// is not reserved on the disk.
        mutating func reserve(_ revision: UInt64) {
            guard revision + JournalWriter.block / 2 >= self.reserved else { return }
            self.reserved = revision + JournalWriter.block
            self.lines += JournalFormat.line(.reserve(revision: self.reserved))
            self.syncs = true
        }

        /// Takes what is to be written.
        mutating func take() -> Buffer {
            defer { self = Buffer(hasFailed: self.hasFailed, reserved: self.reserved) }
            return self
        }
    }

    /// How many revisions are reserved at a time: one synced write for each block.
    private static let block: UInt64 = 1 << 20

    private let file: JournalFile
    private let buffer: Mutex<Buffer>
    /// Held while the file is written, so that lines are in it in the order in which they came.
    private let writing = Mutex(())
    private let failedRewrite = Mutex<BackendError?>(nil)

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

    /// Whether the last write failed, so that no change is taken.
    var hasFailed: Bool { self.buffer.withLock { $0.hasFailed } }

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
            buffer.superseded += buffer.lines + reservation
            buffer.lines = []
            buffer.syncs = true
        }
    }

    /// Writes all that was noted before this call.
    ///
    /// - Throws: `unavailable`, `applied` unknown, when it cannot be written; it is kept for the next call.
    func flush() throws(BackendError) {
        let failure = self.writing.withLock { _ -> BackendError? in
            let taken = self.buffer.withLock { $0.take() }
            do throws(BackendError) {
                try self.write(taken)
                self.buffer.withLock { $0.hasFailed = false }
                return nil
            } catch {
                self.buffer.withLock { buffer in
                    buffer.hasFailed = true
                    buffer.syncs = taken.syncs || buffer.syncs
                    // Behind a compaction that was noted meanwhile they are needless, unless that fails too.
                    if buffer.replacement == nil {
                        buffer.lines = taken.superseded + taken.lines + buffer.lines
                    } else {
                        buffer.superseded = taken.superseded + taken.lines + buffer.superseded
                    }
                }
                return error
            }
        }
        guard var failure else { return }
        failure.applied = .unknown
        throw failure
    }

    /// Writes what could not be written before, if anything.
    ///
    /// - Throws: `unavailable`, `applied` no, when it still cannot be written.
    func retryFailedWrite() throws(BackendError) {
        guard self.buffer.withLock({ $0.hasFailed }) else { return }
        do throws(BackendError) {
            try self.flush()
        } catch {
            var error = error
            error.applied = .no
            throw error
        }
    }

    /// Writes a buffer: a compaction if there is one and it succeeds, else all lines that there are.
    private func write(_ buffer: Buffer) throws(BackendError) {
        let lines = self.rewrite(buffer.replacement) ? buffer.lines : buffer.superseded + buffer.lines
        if !lines.isEmpty { try self.file.append(lines, syncs: buffer.syncs) }
    }

    private func rewrite(_ replacement: [UInt8]?) -> Bool {
        guard let replacement else { return false }
        do throws(BackendError) {
            try self.file.rewrite(replacement)
            return true
        } catch {
            self.failedRewrite.withLock { $0 = error }
            return false
        }
    }

    /// Why the last compaction could not be written, once: what was to be replaced is still appended to.
    func takeFailedRewrite() -> BackendError? {
        self.failedRewrite.withLock { failure in
            defer { failure = nil }
            return failure
        }
    }
}
