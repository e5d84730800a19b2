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
        let (day, rest) = Self.floored(milliseconds, by: 86_400_000)
        let (year, month, dayOfMonth) = Self.civil(day)
        return String(unsafeUninitializedCapacity: 24) { buffer in
            var position = 0
            func put(_ number: Int64, _ digits: Int, _ separator: Character? = nil) {
                var number = number
                for place in stride(from: position + digits - 1, through: position, by: -1) {
                    buffer[place] = 48 + UInt8(number % 10)
                    number /= 10
                }
                position += digits
                guard let separator = separator?.asciiValue else { return }
                buffer[position] = separator
                position += 1
            }
            put(year, 4, "-")
            put(month, 2, "-")
            put(dayOfMonth, 2, "T")
            put(rest / 3_600_000, 2, ":")
            put(rest / 60_000 % 60, 2, ":")
            put(rest / 1000 % 60, 2, ".")
            put(rest % 1000, 3, "Z")
            return position
        }
    }

    /// The date of a day that is counted from 1970-01-01, by the Gregorian calendar; of the years 1 to 9999.
    ///
    /// Counted in years that begin with March, so that a leap day is the last of its year, and in eras of 400 years.
    private static func civil(_ day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // 719,468 days lie between 0000-03-01 and 1970-01-01.
        let (era, dayOfEra) = Self.floored(day + 719_468, by: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    private static func floored(_ number: Int64, by divisor: Int64) -> (Int64, Int64) {
        let (quotient, remainder) = number.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
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
