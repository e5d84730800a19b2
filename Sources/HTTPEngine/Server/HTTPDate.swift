import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The field `Date` (RFC 9110 section 6.6.1), made once a second.
package enum HTTPDate {
    private struct Cache {
        var second = -1
        var line: [UInt8] = []
    }

    private static let cache = Mutex(Cache())

    /// Writes the field with the present time.
    package static func write(to output: inout [UInt8]) {
        let second = time(nil)
        let line = self.cache.withLock { cache in
            if cache.second != second { cache = Cache(second: second, line: self.line(at: second)) }
            return cache.line
        }
        output.append(contentsOf: line)
    }

    private static func line(at second: time_t) -> [UInt8] {
        var second = second
        var parts = tm()
        gmtime_r(&second, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let day =
            "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(1900 + parts.tm_year)"
        return Array("Date: \(day) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT\r\n".utf8)
    }
}
