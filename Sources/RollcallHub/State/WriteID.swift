import Rollcall

/// What a writer calls a write, so that he may send it again when its answer was lost: 128 random bits.
struct WriteID: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// Takes the text form: 32 hexadecimal digits.
    ///
    /// - Throws: A ``ValidationError`` for another text.
    init(_ text: String, field: String) throws(ValidationError) {
        guard text.utf8.count == 32, text.allSatisfy(\.isHexDigit),
            let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.dropFirst(16), radix: 16),
            high != 0 || low != 0
        else {
            throw ValidationError(
                field: field,
                message: "must be 32 hexadecimal digits, chosen at random for each write"
            )
        }
        self.high = high
        self.low = low
    }

    /// Takes what ``words`` gave.
    init?(words: (high: Int64, low: Int64)) {
        guard words.high != 0 || words.low != 0 else { return nil }
        self.high = UInt64(bitPattern: words.high)
        self.low = UInt64(bitPattern: words.low)
    }

    /// The text form.
    var text: String {
        let digits = [self.high, self.low].map { String($0, radix: 16) }
        return digits.map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
    }

    /// Both halves, as SQLite stores them.
    var words: (high: Int64, low: Int64) { (Int64(bitPattern: self.high), Int64(bitPattern: self.low)) }
}
