extension StringProtocol {
    /// The text in quotes, control characters escaped and cut after 64 characters, fit for a message or a log line.
    package var quotedForDisplay: String {
        var result = "\""
        for scalar in self.unicodeScalars.prefix(64) {
            result += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
        }
        return self.unicodeScalars.count > 64 ? result + "…\"" : result + "\""
    }

    /// A URL with an ellipsis for user and password, so that it may be shown.
    package var withoutCredentials: String {
        // Up to the last `@`, wherever that stands: what is hidden needlessly does no harm.
        guard let start = self.firstRange(of: "://"), let at = self[start.upperBound...].lastIndex(of: "@") else {
            return String(self)
        }
        return self[..<start.upperBound] + "…" + self[at...]
    }

    /// Whether a control character (Unicode category Cc) stands in the text.
    package var hasControlCharacter: Bool {
        // Cc is exactly U+0000…U+001F and U+007F…U+009F; the latter begin with the byte C2 in UTF-8.
        var previous: UInt8 = 0
        for byte in self.utf8 {
            if byte < 0x20 || byte == 0x7F || (previous == 0xC2 && byte < 0xA0) { return true }
            previous = byte
        }
        return false
    }
}
