/// A content that is not what its format or its reader calls for: where, and what would be right.
///
/// Contents can be secret, so the error never has a piece of one: it says places, keys and kinds of values only.
public struct ConfigFormatError: Error, Hashable, Sendable {
    /// The format that the content is said to be in.
    public var format: ConfigContent.Format
    /// The line at fault, from 1; `nil` where a value is at fault and not the text.
    public var line: Int?
    /// The character of the line at fault, from 1.
    public var column: Int?
    /// The value at fault, such as `limits.perSecond`; empty where the text is at fault.
    public var path: String
    /// What is wrong and what would be right.
    public var message: String

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - format: The format that the content is said to be in.
    ///   - line: The line at fault, from 1.
    ///   - column: The character of the line at fault, from 1.
    ///   - path: The value at fault, such as `limits.perSecond`.
    ///   - message: What is wrong and what would be right, without a piece of the content.
    public init(
        format: ConfigContent.Format,
        line: Int? = nil,
        column: Int? = nil,
        path: String = "",
        message: String
    ) {
        self.format = format
        self.line = line
        self.column = column
        self.path = path
        self.message = message
    }

    /// Creates an error for a place in a text.
    ///
    /// - Parameters:
    ///   - format: The format that the content is said to be in.
    ///   - offset: How many bytes stand before the place.
    ///   - bytes: The whole text.
    ///   - message: What is wrong and what would be right, without a piece of the content.
    package init(format: ConfigContent.Format, at offset: Int, in bytes: [UInt8], message: String) {
        let before = bytes.prefix(offset)
        let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        self.init(
            format: format,
            line: before.count { $0 == UInt8(ascii: "\n") } + 1,
            // Every character has exactly one byte that continues no other.
            column: before[lineStart...].count { $0 & 0xC0 != 0x80 } + 1,
            message: message
        )
    }
}

extension ConfigFormatError: CustomStringConvertible {
    /// The text form.
    public var description: String {
        var text = self.format.mediaType
        if let line { text += ", line \(line)" }
        if let column { text += ", column \(column)" }
        if !self.path.isEmpty { text += ", \(self.path)" }
        return "\(text): \(self.message)"
    }
}
