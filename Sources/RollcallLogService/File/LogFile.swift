import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The log file: whole lines appended with one write a batch, in files of bounded size and number.
///
/// What was written survives the process, not a power cut: nothing is synced.
final class LogFile: Sendable {
    private struct State {
        var file: LogDescriptor
        var followers: [UInt64: LogFollower] = [:]
        var nextFollower: UInt64 = 0
    }

    let path: String
    let prefix: String
    private let maximumBytes: Int
    private let rotatedFiles: Int
    private let state: Mutex<State>

    /// Opens a file, and makes it with access for its owner only where it is missing.
    ///
    /// - Parameters:
    ///   - path: Its path; its folder must be there.
    ///   - prefix: What each line begins with.
    ///   - maximumBytes: At what size another one is begun.
    ///   - rotatedFiles: How many full ones are kept, as `path.1` (the newest) and so on.
    /// - Throws: Why it cannot be used.
    init(path: String, prefix: String, maximumBytes: Int, rotatedFiles: Int) throws(LogFileError) {
        self.path = path
        self.prefix = prefix
        self.maximumBytes = maximumBytes
        self.rotatedFiles = rotatedFiles
        self.state = Mutex(State(file: try LogDescriptor.writing(path)))
    }

    /// Appends lines, all or none.
    ///
    /// - Throws: Why not; then none of them is in the file.
    func append(_ lines: [LogLine]) throws(LogFileError) {
        let texts = lines.map { $0.text(prefix: self.prefix) }
        var bytes: [UInt8] = []
        for text in texts {
            bytes.append(contentsOf: text.utf8)
            bytes.append(0x0A)
        }
        try self.state.withLock { (state) throws(LogFileError) in
            try self.prepare(&state, for: bytes.count + 1)
            // A process that was killed may have left half a line.
            try state.file.append(state.file.endsWithLine ? bytes : [0x0A] + bytes)
            // Under the lock, so that followers get lines in the order of the file; this only fills their mailboxes.
            for follower in state.followers.values { follower.offer(lines, texts) }
        }
    }

    /// What there is to read now, the newest file first.
    func open() -> [LogPart] {
        self.state.withLock { self.parts($0) }
    }

    /// What there is to read now, and what comes afterwards; nothing is left out or doubled in between.
    ///
    /// - Parameters:
    ///   - filter: Which lines are wanted.
    ///   - limit: The most followers at once.
    /// - Returns: Both, or `nil` when there are too many followers already. ``endFollowing(_:)`` must follow.
    func follow(_ filter: LogFilter, limit: Int) -> (id: UInt64, parts: [LogPart], follower: LogFollower)? {
        self.state.withLock { state in
            guard state.followers.count < limit else { return nil }
            let follower = LogFollower(filter)
            state.nextFollower += 1
            state.followers[state.nextFollower] = follower
            return (state.nextFollower, self.parts(state), follower)
        }
    }

    /// Forgets a follower.
    func endFollowing(_ id: UInt64) {
        self.state.withLock { _ = $0.followers.removeValue(forKey: id) }
    }

    private func parts(_ state: borrowing State) -> [LogPart] {
        let rotated = (0..<self.rotatedFiles).compactMap { LogDescriptor.reading(self.rotated($0 + 1)) }
        return [LogPart(file: state.file, length: state.file.length)]
            + rotated.map { LogPart(file: $0, length: $0.length) }
    }

    private func prepare(_ state: inout State, for count: Int) throws(LogFileError) {
        // Somebody may have moved the file away: what is written into it then is lost to all who look for it here.
        if LogDescriptor.identity(at: self.path) != state.file.identity { try self.reopen(&state) }
        // Asked for each time, because others may cut it short, as `logrotate` does with `copytruncate`.
        let length = state.file.length
        guard length > 0, length + count > self.maximumBytes else { return }
        guard self.rotatedFiles > 0 else {
            guard unlink(self.path) == 0 else { throw LogFileError(cannot: "remove", self.path) }
            return try self.reopen(&state)
        }
        for number in stride(from: self.rotatedFiles - 1, to: 0, by: -1) {
            let status = rename(self.rotated(number), self.rotated(number + 1))
            guard status == 0 || errno == ENOENT else { throw LogFileError(cannot: "rotate", self.rotated(number)) }
        }
        guard rename(self.path, self.rotated(1)) == 0 else { throw LogFileError(cannot: "rotate", self.path) }
        try self.reopen(&state)
    }

    private func reopen(_ state: inout State) throws(LogFileError) {
        state.file = try LogDescriptor.writing(self.path)
    }

    private func rotated(_ number: Int) -> String { "\(self.path).\(number)" }
}
