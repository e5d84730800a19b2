import Rollcall
import Synchronization

/// Carries new lines to somebody who follows the log, however slow they are.
final class LogFollower: Sendable {
    /// A line with its text.
    typealias Line = (line: LogLine, text: String)

    /// What came since the last was taken.
    struct News: Sendable {
        var lines: [Line] = []
        /// How many were left out because nobody took them.
        var dropped = 0
    }

    /// Lines that wait, as many as fit; the oldest make way, in place.
    struct Ring: Sendable {
        private var lines: [Line] = []
        private var oldest = 0
        private var dropped = 0
        private let capacity: Int

        init(capacity: Int) {
            self.capacity = capacity
        }

        mutating func append(_ line: Line) {
            guard self.lines.count == self.capacity else { return self.lines.append(line) }
            self.lines[self.oldest] = line
            self.oldest = (self.oldest + 1) % self.capacity
            self.dropped += 1
        }

        mutating func takeAll() -> News {
            defer { self = Ring(capacity: self.capacity) }
            return News(lines: Array(self.lines[self.oldest...] + self.lines[..<self.oldest]), dropped: self.dropped)
        }
    }

    /// The most lines that wait for one follower.
    static let maximumLines = 4096

    private let filter: LogFilter
    private let waiting = Mutex(Ring(capacity: LogFollower.maximumLines))
    private let bell = KeyedMailbox<Bool, Void>()

    init(_ filter: LogFilter) {
        self.filter = filter
    }

    func offer(_ lines: [LogLine], _ texts: [String]) {
        let hasNews = self.waiting.withLock { waiting in
            var hasNews = false
            for (line, text) in zip(lines, texts) where self.filter.accepts(line) {
                waiting.append((line, text))
                hasNews = true
            }
            return hasNews
        }
        if hasNews { self.bell.offer((), for: true) }
    }

    /// Makes the reader hear something, even where there is no news.
    func beat() { self.bell.offer((), for: true) }

    func end() { self.bell.finish() }

    func next() async throws(BackendError) -> News? {
        guard try await self.bell.next() != nil else { return nil }
        return self.waiting.withLock { $0.takeAll() }
    }
}
