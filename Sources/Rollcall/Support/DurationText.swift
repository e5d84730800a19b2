extension Duration {
    /// Reads a duration as the API and the command line write it: `500ms`, `10s`, `1.5s`, `5m`, `2h`.
    ///
    /// - Parameters:
    ///   - text: A number that is not negative, then `ms`, `s`, `m` or `h`.
    ///   - field: The field or variable to name in errors.
    /// - Throws: A ``ValidationError`` that says what is expected.
    public init(text: some StringProtocol, field: String) throws(ValidationError) {
        func fault() -> ValidationError {
            ValidationError(
                field: field,
                message: "\(text.quotedForDisplay) is not a duration such as 500ms, 10s, 5m or 2h"
            )
        }
        let units: [(suffix: String, milliseconds: Double)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }) else { throw fault() }
        let number = text.dropLast(unit.suffix.count)
        guard number.utf8.count <= 15, number.utf8.first?.isDigit == true,
            number.utf8.allSatisfy({ $0.isDigit || $0 == 0x2E }),
            let value = Double(String(number)), value * unit.milliseconds <= 1e12
        else { throw fault() }
        self = .milliseconds(Int64((value * unit.milliseconds).rounded()))
    }

    /// The shortest text that ``init(text:field:)`` reads as this duration, to the millisecond.
    public var text: String {
        let (seconds, attoseconds) = self.components
        let milliseconds = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        for (suffix, size) in [("h", Int64(3_600_000)), ("m", 60_000), ("s", 1000)] where milliseconds != 0 {
            if milliseconds.isMultiple(of: size) { return "\(milliseconds / size)\(suffix)" }
        }
        return milliseconds == 0 ? "0s" : "\(milliseconds)ms"
    }
}
