import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

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
    /// The most bytes of lines in their form; the oldest are left out.
    let maximumResult: Int
    /// Gives a line its form, be it one of this program's or somebody else's.
    let form: @Sendable (_ line: LogLine?, _ text: String) -> [UInt8]
    private let sieve: LogSieve

    /// Prepares the reading.
    init(
        prefix: String,
        filter: LogFilter,
        limit: Int,
        maximumBytes: Int,
        maximumResult: Int,
        form: @escaping @Sendable (_ line: LogLine?, _ text: String) -> [UInt8]
    ) {
        self.prefix = prefix
        self.filter = filter
        self.limit = limit
        self.maximumBytes = maximumBytes
        self.maximumResult = maximumResult
        self.form = form
        self.sieve = LogSieve(filter, prefix: prefix)
    }

    /// What is found, and what may still be looked at.
    private struct Search {
        var found: [[UInt8]] = []
        var rest: Int
        var budget: Int
    }

    /// The lines in their form, the oldest first.
    ///
    /// - Parameters:
    ///   - parts: The files, the newest first.
    ///   - isWanted: Asked again and again; once it says no, what was found so far is returned.
    /// - Returns: The lines.
    func read(_ parts: [LogPart], while isWanted: () -> Bool = { true }) -> [[UInt8]] {
        var search = Search(rest: self.maximumResult, budget: self.maximumBytes)
        for part in parts {
            guard search.found.count < self.limit, self.read(part, &search, isWanted) else { break }
        }
        return search.found.reversed()
    }

    /// Reads one file.
    ///
    /// - Returns: Whether an older one may have more.
    private func read(_ part: LogPart, _ search: inout Search, _ isWanted: () -> Bool) -> Bool {
        var end = part.length
        // The beginning of what was read, whose line begins before it.
        var carry: [UInt8] = []
        while end > 0 {
            guard search.budget > 0, isWanted() else { return false }
            let start = max(0, end - Self.chunk)
            let bytes = part.file.read(start..<end) + carry
            search.budget -= end - start
            end = start
            let goesOn = bytes.withUnsafeBytes { buffer in
                var lines = Self.lines(of: buffer)
                carry = start > 0 ? Array(buffer[lines.removeFirst()]) : []
                return lines.reversed().allSatisfy { range in
                    range.isEmpty || self.take(UnsafeRawBufferPointer(rebasing: buffer[range]), &search)
                }
            }
            guard goesOn else { return false }
            if carry.count > Self.maximumLine { carry = [] }
        }
        return true
    }

    /// Where the lines stand, without their ends.
    private static func lines(of buffer: UnsafeRawBufferPointer) -> [Range<Int>] {
        guard let base = buffer.baseAddress else { return [0..<0] }
        var lines: [Range<Int>] = []
        var start = 0
        while let mark = memchr(base + start, 0x0A, buffer.count - start) {
            let end = base.distance(to: mark)
            lines.append(start..<end)
            start = end + 1
        }
        return lines + [start..<buffer.count]
    }

    /// Takes a line if it is wanted.
    ///
    /// - Returns: Whether an older one may be.
    private func take(_ bytes: UnsafeRawBufferPointer, _ search: inout Search) -> Bool {
        guard self.sieve.mayFit(bytes) else { return true }
        let text = String(decoding: bytes, as: UTF8.self)
        let line = LogLine(text[...], prefix: self.prefix)
        if let line {
            if let since = self.filter.since, line.time < since - Self.disorder { return false }
            guard self.filter.accepts(line) else { return true }
        } else {
            // Somebody else wrote it, or this program with another prefix.
            guard self.filter.isAny else { return true }
        }
        let formed = self.form(line, text)
        guard formed.count <= search.rest else { return false }
        search.rest -= formed.count
        search.found.append(formed)
        return search.found.count < self.limit
    }
}
