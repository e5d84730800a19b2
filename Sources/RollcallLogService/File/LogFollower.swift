import Rollcall

/// Carries new lines to somebody who follows the log, however slow they are.
final class LogFollower: Sendable {
    /// What came since the last was taken.
    struct News: Sendable {
        var lines: [(line: LogLine, text: String)] = []
        /// How many were left out because nobody took them.
        var dropped = 0
        /// Whether a sign of life is due.
        var isBeat = false
    }

    /// The most lines that wait for one follower.
    private static let maximumLines = 4096

    private let filter: LogFilter
    private let mailbox: KeyedMailbox<Bool, News>

    init(_ filter: LogFilter) {
        self.filter = filter
        self.mailbox = KeyedMailbox { new, old in
            var news = News(lines: old.lines + new.lines, dropped: old.dropped, isBeat: old.isBeat || new.isBeat)
            let excess = news.lines.count - Self.maximumLines
            if excess > 0 {
                news.lines.removeFirst(excess)
                news.dropped += excess
            }
            return news
        }
    }

    func offer(_ lines: [LogLine], _ texts: [String]) {
        let wanted = zip(lines, texts).filter { self.filter.accepts($0.0) }
        if !wanted.isEmpty { self.mailbox.offer(News(lines: wanted.map { ($0.0, $0.1) }), for: true) }
    }

    func beat() { self.mailbox.offer(News(isBeat: true), for: true) }

    func end() { self.mailbox.finish() }

    func next() async throws(BackendError) -> News? { try await self.mailbox.next() }
}
