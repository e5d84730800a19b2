#if canImport(FoundationEssentials)
package import FoundationEssentials
#else
package import Foundation
#endif

/// A date, a time, or both, as RFC 3339 writes them and TOML takes parts of: `2026-11-21T07:30:00.5+01:00`.
package struct DateTimeText: Hashable, Sendable {
    /// What a text tells.
    package enum Kind: Hashable, Sendable {
        /// An instant: date, time, and how far its place is from UTC.
        case instant
        /// A date and a time in no particular place.
        case localDateTime
        /// A date.
        case localDate
        /// A time.
        case localTime
    }

    /// What the text tells.
    package let kind: Kind
    private var year = 0
    private var month = 1
    private var day = 1
    private var secondOfDay = 0
    private var fraction = 0.0
    private var offsetMinutes = 0

    /// Reads a text; `nil` for what is none, days and hours that do not exist among it.
    ///
    /// - Parameter text: ASCII with nothing around it.
    package init?(_ text: some Collection<UInt8>) {
        // A fraction may have any number of digits; no clock has more than a few.
        guard text.count <= 64 else { return nil }
        var rest = Array(text)[...]
        let hasDate = rest.count > 4 && rest[4] == UInt8(ascii: "-")
        guard hasDate else {
            self.kind = .localTime
            guard self.readTime(&rest), rest.isEmpty else { return nil }
            return
        }
        var copy = rest
        let date = Self.date(&copy)
        rest = copy
        guard let date else { return nil }
        guard let separator = rest.popFirst() else {
            self.kind = .localDate
            (self.year, self.month, self.day) = date
            return
        }
        guard separator | 0x20 == UInt8(ascii: "t") || separator == UInt8(ascii: " ") else { return nil }
        self.kind = rest.contains(where: Self.beginsOffset) ? .instant : .localDateTime
        (self.year, self.month, self.day) = date
        guard self.readTime(&rest) else { return nil }
        guard self.kind == .instant ? self.readOffset(&rest) : true, rest.isEmpty else { return nil }
    }

    /// The instant; `nil` unless it is one.
    package var date: Date? {
        guard self.kind == .instant else { return nil }
        // Days since 1970 in the Gregorian calendar; years begin in March, so that a leap day is a year's last.
        let year = self.month > 2 ? self.year : self.year - 1
        let dayOfYear = (153 * ((self.month + 9) % 12) + 2) / 5 + self.day - 1
        let era = (year + 400) / 400 - 1
        let yearOfEra = year - era * 400
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        let seconds = days * 86_400 + self.secondOfDay - self.offsetMinutes * 60
        return Date(timeIntervalSince1970: Double(seconds) + self.fraction)
    }

    private static func beginsOffset(_ byte: UInt8) -> Bool {
        byte | 0x20 == UInt8(ascii: "z") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
    }

    private static func date(_ rest: inout ArraySlice<UInt8>) -> (year: Int, month: Int, day: Int)? {
        guard let year = Self.number(&rest, digits: 4, 0...9999), Self.take("-", &rest),
            let month = Self.number(&rest, digits: 2, 1...12), Self.take("-", &rest),
            let day = Self.number(&rest, digits: 2, 1...31)
        else { return nil }
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return day <= lengths[month - 1] ? (year, month, day) : nil
    }

    private mutating func readTime(_ rest: inout ArraySlice<UInt8>) -> Bool {
        // A leap second is the sixtieth.
        guard let hour = Self.number(&rest, digits: 2, 0...23), Self.take(":", &rest),
            let minute = Self.number(&rest, digits: 2, 0...59), Self.take(":", &rest),
            let second = Self.number(&rest, digits: 2, 0...60)
        else { return false }
        self.secondOfDay = (hour * 60 + minute) * 60 + second
        guard Self.take(".", &rest) else { return true }
        let digits = rest.prefix { $0.isDigit }
        rest = rest[digits.endIndex...]
        self.fraction = Double("0." + String(decoding: digits, as: UTF8.self)) ?? 0
        return !digits.isEmpty
    }

    private mutating func readOffset(_ rest: inout ArraySlice<UInt8>) -> Bool {
        guard let sign = rest.popFirst() else { return false }
        guard sign | 0x20 != UInt8(ascii: "z") else { return true }
        guard let hours = Self.number(&rest, digits: 2, 0...23), Self.take(":", &rest),
            let minutes = Self.number(&rest, digits: 2, 0...59)
        else { return false }
        self.offsetMinutes = (hours * 60 + minutes) * (sign == UInt8(ascii: "-") ? -1 : 1)
        return true
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, digits: Int, _ range: ClosedRange<Int>) -> Int? {
        let text = rest.prefix(digits)
        guard text.count == digits, text.allSatisfy(\.isDigit) else { return nil }
        rest = rest.dropFirst(digits)
        let number = text.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return range.contains(number) ? number : nil
    }

    private static func take(_ character: UnicodeScalar, _ rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest = rest.dropFirst()
        return true
    }
}
