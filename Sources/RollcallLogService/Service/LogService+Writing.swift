import HTTPEngine
import Rollcall

extension LogService {
    /// The longest name of a sender in bytes.
    private static let maximumSender = 128
    /// How long ago a message may say that it was said; an older one is taken to be said now.
    private static let maximumDelay: Int64 = LogTail.disorder

    /// One message: the body is its text.
    func takeOne(_ exchange: HTTPExchange) async throws {
        let query = try Query(exchange.head.query)
        try query.check { $0 == "sender" || $0 == "level" }
        let fields = exchange.head.fields
        let level = try (query["level"] ?? fields.first("rollcall-level")).map { name throws(ValidationError) in
            try Log.Level.named(name)
        }
        let sender = try self.sender(query["sender"] ?? fields.first("rollcall-sender"), exchange)
        let body = try await exchange.readBody(limit: self.configuration.maximumBody)
        let message = try self.message(String(decoding: body, as: UTF8.self))
        try self.append([LogLine(time: Self.now, level: level ?? .info, sender: sender, message: message)])
        exchange.respond(200, "text/plain", body: Array("ok\n".utf8))
    }

    /// Many messages: `{"sender":"web-1","entries":[{"time":"…","level":"info","message":"…"}]}`, all or none.
    func takeBatch(_ exchange: HTTPExchange) async throws {
        try Query(exchange.head.query).check { _ in false }
        let body = try await exchange.readBody(limit: self.configuration.maximumBody)
        let batch = try LogBatch(json: body, maximum: self.configuration.maximumBatch)
        guard !batch.entries.isEmpty else { throw ValidationError(field: "entries", message: "must not be empty") }
        let now = Self.now
        let sender = try self.sender(batch.sender, exchange)
        var lines: [LogLine] = []
        for (index, entry) in batch.entries.enumerated() {
            // Messages come late when the service was away; one from the future has a clock that is wrong.
            let isTrusted = entry.time.map { $0 <= now && $0 >= now - Self.maximumDelay } ?? false
            let line = LogLine(
                time: isTrusted ? entry.time ?? now : now,
                level: entry.level,
                sender: try entry.sender.map { try self.sender($0, exchange) } ?? sender,
                message: try self.message(entry.message, field: "entries[\(index)].message")
            )
            lines.append(line)
        }
        try self.append(lines)
        exchange.respond(200, "application/json", body: Array("{\"written\":\(lines.count)}".utf8))
    }

    private func message(_ text: String, field: String = "message") throws -> String {
        // Those who print lines send their ends, too.
        var message = text[...]
        while message.last?.isNewline == true { message = message.dropLast() }
        guard !message.isEmpty else { throw ValidationError(field: field, message: "must not be empty") }
        let limit = self.configuration.maximumMessage
        guard message.utf8.count <= limit else {
            let detail = "\(message.utf8.count) bytes, and at most \(limit) are allowed"
            throw Problem(status: 413, code: .tooLarge, "\(field): the message has \(detail)", field: field)
        }
        return String(message)
    }

    /// Who speaks: what they say, or the address that they speak from.
    private func sender(_ name: String?, _ exchange: HTTPExchange) throws(ValidationError) -> String {
        guard let name, !name.isEmpty else { return exchange.peer?.host ?? "-" }
        guard name.utf8.count <= Self.maximumSender else {
            throw ValidationError(
                field: "sender",
                message: "\(name.quotedForDisplay) has more than \(Self.maximumSender) bytes",
                limit: Self.maximumSender
            )
        }
        return name
    }
}

/// Messages that are sent together.
struct LogBatch {
    /// One of them.
    struct Entry: Hashable {
        var time: Int64?
        var level = Log.Level.info
        var sender: String?
        var message = ""
    }

    var sender: String?
    var entries: [Entry] = []

    init(sender: String?, entries: [Entry]) {
        self.sender = sender
        self.entries = entries
    }

    /// Reads a batch.
    ///
    /// - Throws: A ``ValidationError`` that names the field.
    init(json: [UInt8], maximum: Int) throws(ValidationError) {
        var reader = JSONReader(json)
        var batch = (sender: String?.none, entries: [Entry]())
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "sender": batch.sender = try reader.isNull() ? nil : try reader.string()
            case "entries":
                try reader.array { (reader) throws(ValidationError) in
                    guard batch.entries.count < maximum else {
                        throw ValidationError(field: "", message: "there are more than \(maximum)", limit: maximum)
                    }
                    batch.entries.append(try Entry(from: &reader))
                }
            default: try reader.skip()
            }
        }
        try reader.end()
        (self.sender, self.entries) = batch
    }

    /// The batch as JSON.
    var json: [UInt8] {
        var writer = JSONWriter(capacity: 64 + self.entries.count * 128)
        writer.object { writer in
            if let sender = self.sender {
                writer.key("sender")
                writer.string(sender)
            }
            writer.key("entries")
            writer.array { writer in
                for entry in self.entries { entry.write(to: &writer) }
            }
        }
        return writer.bytes
    }
}

extension LogBatch.Entry {
    init(from reader: inout JSONReader) throws(ValidationError) {
        var entry = Self()
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "time": entry.time = try Timestamp.parse(try reader.string())
            case "level": entry.level = try Log.Level.named(try reader.string(), field: "")
            case "sender": entry.sender = try reader.string()
            case "message": entry.message = try reader.string()
            default: try reader.skip()
            }
        }
        self = entry
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            if let time = self.time {
                writer.key("time")
                writer.string(Timestamp.text(time))
            }
            writer.key("level")
            writer.string(self.level.name)
            if let sender = self.sender {
                writer.key("sender")
                writer.string(sender)
            }
            writer.key("message")
            writer.string(self.message)
        }
    }
}
