package import Rollcall

/// One line of the log file: prefix, time, level, sender and message, with a space between.
///
/// ```
/// Rollcall: 2026-11-21T07:30:00.123Z warning web-1 the disk is nearly full
/// ```
///
/// Whatever could end a line, forge another one or steer a terminal is escaped, so that a message is one line and a
/// line one message; a backslash is escaped, too, so that the text can be read back.
package struct LogLine: Hashable, Sendable {
    /// When it was said, in milliseconds since 1970.
    package var time: Int64
    /// How much it matters.
    package var level: Log.Level
    /// Who says it.
    package var sender: String
    /// What is said.
    package var message: String

    /// Creates a line.
    package init(time: Int64, level: Log.Level, sender: String, message: String) {
        self.time = time
        self.level = level
        self.sender = sender
        self.message = message
    }

    /// The line as it stands in the file, without its end.
    package func text(prefix: String) -> String {
        let sender = self.sender.isEmpty ? "-" : Self.escaped(self.sender, alsoSpaces: true)
        let prefix = prefix.isEmpty ? "" : prefix + " "
        let time = Timestamp.text(self.time)
        return "\(prefix)\(time) \(self.level.name) \(sender) \(Self.escaped(self.message, alsoSpaces: false))"
    }

    /// Reads a line of the file, or returns `nil` for one that was not written with this prefix.
    ///
    /// - Parameters:
    ///   - text: The line without its end.
    ///   - prefix: The prefix that it must have.
    package init?(_ text: Substring, prefix: String) {
        // By bytes, as the fields are written: a space and an accent that follows it are one character.
        var rest = text.utf8
        if !prefix.isEmpty {
            let beginning = Array(prefix.utf8) + [0x20]
            guard rest.starts(with: beginning) else { return nil }
            rest = rest.dropFirst(beginning.count)
        }
        let parts = rest.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false).map(Substring.init)
        guard parts.count == 4, let time = try? Timestamp.parse(String(parts[0])),
            let level = Log.Level(name: String(parts[1]))
        else { return nil }
        self.init(
            time: time,
            level: level,
            sender: Self.unescaped(parts[2]),
            message: Self.unescaped(parts[3])
        )
    }

    /// A text of somebody else without what could steer a terminal.
    static func tamed(_ text: String) -> String { Self.escaped(text, alsoSpaces: false) }

    /// A text as it stands in a line: as a sender without spaces, too.
    static func escaped(_ text: String, alsoSpaces: Bool) -> String {
        guard text.unicodeScalars.contains(where: { Self.mustBeEscaped($0, alsoSpaces) }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            guard Self.mustBeEscaped(scalar, alsoSpaces) else {
                result.unicodeScalars.append(scalar)
                continue
            }
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\\": result += "\\\\"
            default: result += "\\u{\(String(scalar.value, radix: 16))}"
            }
        }
        return result
    }

    private static func mustBeEscaped(_ scalar: Unicode.Scalar, _ alsoSpaces: Bool) -> Bool {
        switch scalar.value {
        // Controls and the backslash; the breaks of lines and paragraphs; what turns the direction of text around.
        case 0..<0x20, 0x5C, 0x7F...0x9F, 0x2028, 0x2029, 0x200E, 0x200F, 0x061C, 0x202A...0x202E, 0x2066...0x2069: true
        case 0x20: alsoSpaces
        default: false
        }
    }

    private static func unescaped(_ text: Substring) -> String {
        guard text.utf8.contains(UInt8(ascii: "\\")) else { return String(text) }
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars
        while let mark = rest.firstIndex(of: "\\") {
            result += rest[..<mark]
            rest = rest[mark...].dropFirst()
            switch rest.first {
            case "n": result.append("\n")
            case "r": result.append("\r")
            case "t": result.append("\t")
            case "u":
                guard let end = rest.firstIndex(of: "}"), rest.dropFirst().first == "{",
                    let value = UInt32(String(rest[..<end].dropFirst(2)), radix: 16), let scalar = Unicode.Scalar(value)
                else { return String(text) }
                result.append(scalar)
                rest = rest[end...]
            case let scalar?: result.append(scalar)
            case nil: return String(result)
            }
            rest = rest.dropFirst()
        }
        return String(result + rest)
    }
}

extension Log.Level {
    /// The level's name in lines, queries and batches.
    package var name: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }

    /// Reads a level's name, also one of those that other loggers have.
    package init?(name: String) {
        switch name.lowercased() {
        case "debug", "trace": self = .debug
        case "info", "notice": self = .info
        case "warning", "warn": self = .warning
        case "error", "critical", "fatal": self = .error
        default: return nil
        }
    }

    /// Reads a level that a caller names.
    ///
    /// - Throws: A ``ValidationError`` that lists the levels.
    package static func named(_ name: String, field: String = "level") throws(ValidationError) -> Log.Level {
        guard let level = Log.Level(name: name) else {
            throw ValidationError(
                field: field,
                message: "\(name.quotedForDisplay) is none of debug, info, warning, error"
            )
        }
        return level
    }
}
