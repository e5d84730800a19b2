import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Tells by the bytes of a line what a filter certainly leaves out, so that only what may fit is decoded.
///
/// Lines as this program writes them are told in place. Whatever has another form may fit, and decoding it decides.
struct LogSieve: Sendable {
    /// The length of a time as it is written.
    private static let timeLength = 24
    private static let space: UInt8 = 0x20

    private let prefix: [UInt8]
    private let since: [UInt8]?
    private let oldest: [UInt8]?
    private let lesserLevels: [[UInt8]]
    private let sender: [UInt8]?
    private let contents: [UInt8]?

    /// Prepares the comparison.
    init(_ filter: LogFilter, prefix: String) {
        self.prefix = prefix.isEmpty ? [] : Array(prefix.utf8) + [Self.space]
        self.since = filter.since.flatMap(Self.text)
        self.oldest = filter.since.flatMap { Self.text($0 - LogTail.disorder) }
        let lesser = Log.Level.allCases.filter { level in filter.minimum.map { level < $0 } ?? false }
        self.lesserLevels = lesser.map { Array($0.name.utf8) }
        self.sender = filter.sender.map { Array(LogLine.escaped($0, alsoSpaces: true).utf8) }
        self.contents = filter.contains.map { Array(LogLine.escaped($0, alsoSpaces: false).utf8) }
    }

    /// Whether a line, given without its end, may be let through or may be too old to look any further.
    func mayFit(_ line: UnsafeRawBufferPointer) -> Bool {
        guard let time = self.time(of: line) else { return self.holdsContents(line) }
        if let oldest = self.oldest, Self.order(time, oldest) < 0 { return true }
        if let since = self.since, Self.order(time, since) < 0 { return false }
        guard self.holdsContents(line) else { return false }
        guard !self.lesserLevels.isEmpty || self.sender != nil else { return true }
        var rest = Self.rest(of: line, from: self.prefix.count + Self.timeLength + 1)
        let level = Self.word(&rest)
        if self.lesserLevels.contains(where: { Self.isEqual(level, $0) }) { return false }
        return self.sender.map { Self.isEqual(Self.word(&rest), $0) } ?? true
    }

    /// The time of a line that begins as this program's do; such times are in order when their bytes are.
    private func time(of line: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        let end = self.prefix.count + Self.timeLength
        guard line.count > end, line[end] == Self.space, line[end - 1] == UInt8(ascii: "Z"),
            Self.order(line, self.prefix) == 0
        else { return nil }
        let time = UnsafeRawBufferPointer(rebasing: line[self.prefix.count..<end])
        let marks: [(Int, UInt8)] = [(4, 0x2D), (7, 0x2D), (10, 0x54), (13, 0x3A), (16, 0x3A), (19, 0x2E)]
        return marks.allSatisfy { time[$0.0] == $0.1 } ? time : nil
    }

    private func holdsContents(_ line: UnsafeRawBufferPointer) -> Bool {
        guard let contents = self.contents, let start = line.baseAddress else { return true }
        return memmem(start, line.count, contents, contents.count) != nil
    }

    /// Compares the beginning of `bytes`, which are not fewer, with `other`.
    private static func order(_ bytes: UnsafeRawBufferPointer, _ other: [UInt8]) -> Int32 {
        guard let start = bytes.baseAddress, !other.isEmpty else { return 0 }
        return memcmp(start, other, other.count)
    }

    private static func isEqual(_ bytes: UnsafeRawBufferPointer, _ other: [UInt8]) -> Bool {
        bytes.count == other.count && self.order(bytes, other) == 0
    }

    /// Takes what stands before the next space.
    private static func word(_ rest: inout UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let count = rest.baseAddress.flatMap { start in
            memchr(start, Int32(Self.space), rest.count).map { start.distance(to: $0) }
        }
        defer { rest = self.rest(of: rest, from: (count ?? rest.count) + 1) }
        return UnsafeRawBufferPointer(rebasing: rest[..<(count ?? rest.count)])
    }

    private static func rest(of bytes: UnsafeRawBufferPointer, from start: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[min(start, bytes.count)...])
    }

    /// A time as lines have it, or `nil` where such texts are not in order.
    private static func text(_ time: Int64) -> [UInt8]? {
        let text = Array(Timestamp.text(time).utf8)
        return text.count == Self.timeLength && text[0] != UInt8(ascii: "-") ? text : nil
    }
}
