package import Rollcall

/// Which lines somebody wants to read.
package struct LogFilter: Hashable, Sendable {
    /// The earliest time, in milliseconds since 1970.
    package var since: Int64?
    /// The least level.
    package var minimum: Log.Level?
    /// The sender, whole, byte by byte.
    package var sender: String?
    /// What the message contains.
    package var contains: String?

    /// Creates a filter that lets everything through.
    package init() {}

    /// Whether it lets everything through, also what is no line of this log.
    var isAny: Bool { self == LogFilter() }

    /// Whether it lets a line through.
    func accepts(_ line: LogLine) -> Bool {
        if let since = self.since, line.time < since { return false }
        if let minimum = self.minimum, line.level < minimum { return false }
        if let sender = self.sender, !line.sender.utf8.elementsEqual(sender.utf8) { return false }
        return self.contains.map { line.message.utf8.firstRange(of: $0.utf8) != nil } ?? true
    }
}
