import Rollcall

/// A log file to be read up to where it ended when it was opened.
struct LogPart: Sendable {
    let file: LogDescriptor
    let length: Int
}

/// Reads the last lines that a filter lets through, from the end backwards.
struct LogTail: Sendable {
    private static let chunk = 65536
    /// The longest line that is read; none that was written here comes near.
    private static let maximumLine = 1 << 20
    /// How much earlier than its predecessors a line may say that it was said.
    static let disorder: Int64 = 3_600_000

    let prefix: String
    let filter: LogFilter
    let limit: Int
    /// The most bytes to look at.
    let maximumBytes: Int

    /// The lines, the oldest first.
    func read(_ parts: [LogPart]) -> [(line: LogLine?, text: String)] {
        var found: [(line: LogLine?, text: String)] = []
        var budget = self.maximumBytes
        for part in parts {
            guard found.count < self.limit, self.read(part, &budget, &found) else { break }
        }
        return found.reversed()
    }

    /// Reads one file.
    ///
    /// - Returns: Whether an older one may have more.
    private func read(_ part: LogPart, _ budget: inout Int, _ found: inout [(line: LogLine?, text: String)]) -> Bool {
        var end = part.length
        // The beginning of what was read, whose line begins before it.
        var carry: [UInt8] = []
        while end > 0 {
            guard budget > 0 else { return false }
            let start = max(0, end - Self.chunk)
            let bytes = part.file.read(start..<end) + carry
            budget -= end - start
            end = start
            var lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
            carry = start > 0 ? Array(lines.removeFirst()) : []
            if carry.count > Self.maximumLine { carry = [] }
            for line in lines.reversed() where !line.isEmpty {
                guard self.take(String(decoding: line, as: UTF8.self), &found) else { return false }
            }
        }
        return true
    }

    /// Takes a line if it is wanted.
    ///
    /// - Returns: Whether an older one may be.
    private func take(_ text: String, _ found: inout [(line: LogLine?, text: String)]) -> Bool {
        guard let line = LogLine(text[...], prefix: self.prefix) else {
            // Somebody else wrote it, or this program with another prefix.
            if self.filter.isAny { found.append((nil, text)) }
            return found.count < self.limit
        }
        if let since = self.filter.since, line.time < since - Self.disorder { return false }
        if self.filter.accepts(line) { found.append((line, text)) }
        return found.count < self.limit
    }
}
