import HTTPEngine
package import Rollcall

/// What a reader asks for: `?since=10m&level=warning&sender=web-1&contains=disk&limit=100&follow=true&format=json`.
package struct LogQuery: Hashable, Sendable {
    /// How lines are written.
    package enum Format: String, Hashable, Sendable {
        /// As they stand in the file.
        case text
        /// One JSON document a line.
        case json
    }

    /// The most lines of the past.
    package static let maximumLimit = 10_000

    /// Which lines.
    package var filter = LogFilter()
    /// The most lines of the past.
    package var limit = 100
    /// Whether those that come are wanted, too.
    package var follows = false
    /// How they are written.
    package var format = Format.text

    /// Asks for the last lines, whatever they are.
    package init() {}

    init(_ query: Query, now: Int64) throws(ValidationError) {
        let known = ["since", "level", "sender", "contains", "limit", "follow", "format"]
        try query.check { known.contains($0) }
        if let text = query["since"] { self.filter.since = try Self.since(text, now: now) }
        if let text = query["level"] { self.filter.minimum = try Log.Level.named(text) }
        self.filter.sender = query["sender"]
        self.filter.contains = query["contains"]
        if let text = query["limit"] {
            guard let limit = Int(text), (0...Self.maximumLimit).contains(limit) else {
                throw ValidationError(
                    field: "limit",
                    message: "\(text.quotedForDisplay) is not a whole number from 0 to \(Self.maximumLimit)",
                    limit: Self.maximumLimit
                )
            }
            self.limit = limit
        }
        if let text = query["follow"] {
            guard text.isEmpty || text == "true" || text == "false" else {
                throw ValidationError(field: "follow", message: "\(text.quotedForDisplay) is neither true nor false")
            }
            self.follows = text != "false"
        }
        if let text = query["format"] {
            guard let format = Format(rawValue: text) else {
                throw ValidationError(field: "format", message: "\(text.quotedForDisplay) is neither text nor json")
            }
            self.format = format
        }
    }

    /// The request's target.
    var target: String {
        var items = ["limit=\(self.limit)", "format=\(self.format.rawValue)"]
        if let since = self.filter.since { items.append("since=\(PercentEncoding.encode(Timestamp.text(since)))") }
        if let level = self.filter.minimum { items.append("level=\(level.name)") }
        if let sender = self.filter.sender { items.append("sender=\(PercentEncoding.encode(sender))") }
        if let text = self.filter.contains { items.append("contains=\(PercentEncoding.encode(text))") }
        if self.follows { items.append("follow=true") }
        return "/logs?" + items.joined(separator: "&")
    }

    /// Reads a moment: an instant, or how long it is ago.
    package static func since(_ text: String, now: Int64) throws(ValidationError) -> Int64 {
        if let duration = try? Duration(text: text, field: "since") {
            return now - Int64(duration / .milliseconds(1))
        }
        guard let time = try? Timestamp.parse(text) else {
            throw ValidationError(
                field: "since",
                message: "\(text.quotedForDisplay) is neither a duration such as 10m nor an instant such as "
                    + "2026-11-21T07:30:00Z"
            )
        }
        return time
    }
}

extension LogQuery.Format {
    var contentType: String {
        switch self {
        case .text: "text/plain; charset=utf-8"
        case .json: "application/x-ndjson"
        }
    }

    /// A line in this form, without its end.
    func bytes(of line: LogLine?, text: String) -> [UInt8] {
        // What others wrote into the file may hold anything but a line feed, and this goes to terminals.
        guard self == .json else { return line == nil ? Array(LogLine.tamed(text).utf8) : Array(text.utf8) }
        var writer = JSONWriter()
        writer.object { writer in
            guard let line else {
                writer.key("text")
                return writer.string(text)
            }
            writer.key("time")
            writer.string(Timestamp.text(line.time))
            writer.key("level")
            writer.string(line.level.name)
            writer.key("sender")
            writer.string(line.sender)
            writer.key("message")
            writer.string(line.message)
        }
        return writer.bytes
    }
}
