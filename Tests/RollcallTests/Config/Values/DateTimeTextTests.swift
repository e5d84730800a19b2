import Foundation
import Rollcall
import Testing

@Suite("Dates and times as RFC 3339 writes them")
struct DateTimeTextTests {
    @Test(
        "instants are read",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1970-01-01 00:00:01Z", 1),
            ("2000-02-29T12:00:00Z", 951_825_600), ("2026-11-21T07:30:00.5+01:00", 1_795_242_600.5),
            ("1969-12-31T23:59:59-00:30", 1799), ("0001-01-01T00:00:00Z", -62_135_596_800),
            ("0000-03-01T00:00:00Z", -62_162_035_200), ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("1990-12-31T23:59:60Z", 662_688_000), ("1900-03-01T00:00:00Z", -2_203_891_200),
        ]
    )
    func instants(_ text: String, _ seconds: Double) throws {
        let read = try #require(DateTimeText(text.utf8))
        #expect(read.kind == .instant)
        #expect(read.date == Date(timeIntervalSince1970: seconds))
    }

    @Test(
        "every day from 1896 to 2104 is the day after the one before",
        arguments: [1896...1904, 1968...2004, 2096...2104]
    )
    func days(_ years: ClosedRange<Int>) throws {
        var last: Double?
        for year in years {
            for month in 1...12 {
                for day in 1...31 {
                    func padded(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
                    let text = "\(year)-\(padded(month))-\(padded(day))T00:00:00Z"
                    guard let date = DateTimeText(text.utf8)?.date else { continue }
                    if let last { #expect(date.timeIntervalSince1970 == last + 86_400) }
                    last = date.timeIntervalSince1970
                }
            }
        }
    }

    @Test(
        "dates and times without a place are no instants",
        arguments: [
            ("2026-11-21T07:30:00", .localDateTime), ("2026-11-21 07:30:00.999999999", .localDateTime),
            ("2026-11-21", .localDate), ("07:30:00", .localTime), ("23:59:60.1", .localTime),
        ] as [(String, DateTimeText.Kind)]
    )
    func local(_ text: String, _ kind: DateTimeText.Kind) throws {
        let read = try #require(DateTimeText(text.utf8))
        #expect(read.kind == kind)
        #expect(read.date == nil)
    }

    @Test(
        "what is no date and no time is refused",
        arguments: [
            "", "2026", "2026-11", "2026-11-", "2026-13-01", "2026-00-01", "2026-04-31", "2026-02-29", "1900-02-29",
            "2026-11-21T", "2026-11-21T07:30", "2026-11-21T24:00:00", "2026-11-21T07:60:00", "2026-11-21T07:30:61",
            "2026-11-21T07:30:00.", "2026-11-21T07:30:00.Z", "2026-11-21T07:30:00+", "2026-11-21T07:30:00+1:00",
            "2026-11-21T07:30:00+24:00", "2026-11-21T07:30:00+01:60", "2026-11-21T07:30:00Zx", "2026-11-21x07:30:00Z",
            "26-11-21", "7:30:00", "07:30:00Z", "2026-11-21Z", "+026-11-21", "2026-11-21  07:30:00",
            "2026-11-21T07:30:00." + String(repeating: "1", count: 100),
        ]
    )
    func refusing(_ text: String) {
        #expect(DateTimeText(text.utf8) == nil)
    }
}
