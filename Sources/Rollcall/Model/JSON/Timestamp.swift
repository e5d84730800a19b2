#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// Instants in JSON: RFC 3339 in UTC with milliseconds, `2026-11-21T07:30:00.123Z`.
package enum Timestamp {
    private static let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)

    /// The text of an instant, given in milliseconds since 1970.
    package static func text(_ milliseconds: Int64) -> String {
        // The style cuts fractions off, and a binary fraction may lie just below its millisecond.
        Date(timeIntervalSince1970: (Double(milliseconds) + 0.5) / 1000).formatted(self.style)
    }

    /// Reads an instant, with or without a fraction of a second, as milliseconds since 1970.
    package static func parse(_ text: String) throws(ValidationError) -> Int64 {
        guard let date = (try? self.style.parse(text)) ?? (try? Date.ISO8601FormatStyle().parse(text)),
            let milliseconds = self.milliseconds(of: date)
        else {
            throw ValidationError(
                field: "",
                message: "\(text.quotedForDisplay) is not an instant such as 2026-11-21T07:30:00.123Z"
            )
        }
        return milliseconds
    }

    /// The nearest whole millisecond since 1970; `nil` outside the years 1 to 9999, which RFC 3339 does not write.
    package static func milliseconds(of date: Date) -> Int64? {
        let milliseconds = (date.timeIntervalSince1970 * 1000).rounded()
        return (-62_135_596_800_000..<253_402_300_800_000).contains(milliseconds) ? Int64(milliseconds) : nil
    }
}
