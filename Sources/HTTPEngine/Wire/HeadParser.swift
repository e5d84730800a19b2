#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Reads the heads of HTTP/1.1 messages (RFC 9112), strictly: what two readers could take for two different things
/// is refused, since a proxy stands between them.
struct HeadParser {
    /// The greatest size of a head in bytes.
    static let maximumBytes = 32768
    /// The greatest number of fields.
    static let maximumFields = 128
    /// The greatest length of a request's target in bytes.
    static let maximumTarget = 16384

    /// Without checks of bounds: every loop ends at the empty line that ends the head.
    private let bytes: UnsafeRawBufferPointer
    private let whole: [UInt8]
    private var position = 0

    private init(_ bytes: UnsafeRawBufferPointer, of whole: [UInt8]) {
        self.bytes = bytes
        self.whole = whole
    }

    /// Runs `body` over a head, which ends in an empty line.
    private static func parse<Value>(
        _ bytes: [UInt8],
        _ body: (inout HeadParser) throws(MessageError) -> Value
    ) throws(MessageError) -> Value {
        let result: Result<Value, MessageError> = bytes.withUnsafeBytes { pointer in
            var parser = HeadParser(pointer, of: bytes)
            do throws(MessageError) {
                return .success(try body(&parser))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The length of the head at the beginning of `bytes`, with its empty line, or `nil` while that has not come.
    ///
    /// - Parameters:
    ///   - bytes: What was received.
    ///   - known: How many of them were searched before; set to how many are now.
    /// - Returns: The length, or `nil`.
    /// - Throws: A ``MessageError`` for a line feed alone, or a head that is too long.
    static func length(of bytes: UnsafeRawBufferPointer, searched known: inout Int) throws(MessageError) -> Int? {
        while known < bytes.count, let base = bytes.baseAddress,
            let found = memchr(base + known, 0x0A, bytes.count - known)
        {
            let index = UnsafeRawPointer(found) - base
            guard index > 0, bytes[index - 1] == 0x0D else {
                throw MessageError(400, "a line ends in a line feed alone")
            }
            known = index + 1
            if index >= 3, bytes[index - 2] == 0x0A {
                try Self.check(length: known)
                return known
            }
        }
        try Self.check(length: bytes.count)
        // The line feed that comes next needs the byte before it.
        known = bytes.count
        return nil
    }

    private static func check(length: Int) throws(MessageError) {
        guard length <= Self.maximumBytes else {
            throw MessageError(431, "the head has more than \(Self.maximumBytes) bytes")
        }
    }

    /// Reads the head of a request.
    static func request(_ bytes: [UInt8]) throws(MessageError) -> RequestHead {
        try self.parse(bytes) { (parser) throws(MessageError) in try parser.request() }
    }

    private mutating func request() throws(MessageError) -> RequestHead {
        let method = self.until(UInt8(ascii: " "))
        guard !method.isEmpty, self.bytes[method].allSatisfy(\.isTokenCharacter) else {
            throw MessageError(400, "the method is no word of letters")
        }
        let target = self.until(UInt8(ascii: " "))
        guard target.count <= Self.maximumTarget else {
            throw MessageError(414, "the target has more than \(Self.maximumTarget) bytes")
        }
        guard !target.isEmpty, self.bytes[target].allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw MessageError(400, "the target has a space, a control character or a byte outside ASCII")
        }
        var head = RequestHead(
            method: String(decoding: self.bytes[method], as: UTF8.self),
            target: String(decoding: self.bytes[target], as: UTF8.self)
        )
        head.isVersion10 = try self.version(self.line())
        head.fields = try self.fields()
        try Self.checkHost(head)
        return head
    }

    /// Checks what names the server: whoever forwards it would hand on two names, or something else than one.
    private static func checkHost(_ head: RequestHead) throws(MessageError) {
        let count = head.fields.count(of: .host)
        guard count == 1 || count == 0 && head.isVersion10 else {
            throw MessageError(400, "there must be exactly one Host")
        }
        guard head.fields.isValue(of: .host, onlyOf: { $0.isHostCharacter }) else {
            throw MessageError(400, "Host has a character that no name, address or port has")
        }
    }

    /// Reads the head of a response.
    static func response(_ bytes: [UInt8]) throws(MessageError) -> ResponseHead {
        try self.parse(bytes) { (parser) throws(MessageError) in try parser.response() }
    }

    private mutating func response() throws(MessageError) -> ResponseHead {
        let isVersion10 = try self.version(self.until(UInt8(ascii: " ")))
        let line = self.line()
        let digits = self.bytes[line].prefix(3)
        guard digits.count == 3, digits.allSatisfy(\.isASCIIDigit),
            line.count == 3 || self.bytes[line][line.lowerBound + 3] == 0x20,
            let status = Int(String(decoding: digits, as: UTF8.self)), status >= 100
        else { throw MessageError(502, "the status is not a number of three digits") }
        var head = ResponseHead(status: status, reason: String(decoding: self.bytes[line].dropFirst(4), as: UTF8.self))
        head.isVersion10 = isVersion10
        head.fields = try self.fields()
        return head
    }

    private func version(_ range: Range<Int>) throws(MessageError) -> Bool {
        let text = UnsafeRawBufferPointer(rebasing: self.bytes[range])
        if Self.isSame(text, "HTTP/1.1") { return false }
        if Self.isSame(text, "HTTP/1.0") { return true }
        guard text.starts(with: "HTTP/".utf8) else { throw MessageError(400, "the first line does not name HTTP") }
        throw MessageError(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    }

    private static func isSame(_ text: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
        guard text.count == word.utf8CodeUnitCount, let start = text.baseAddress else { return false }
        return memcmp(start, word.utf8Start, text.count) == 0
    }

    /// Up to a separator within the line, and behind it; the whole line where there is none.
    private mutating func until(_ separator: UInt8) -> Range<Int> {
        let start = self.position
        while self.bytes[self.position] != separator, self.bytes[self.position] != 0x0D { self.position += 1 }
        defer { if self.bytes[self.position] == separator { self.position += 1 } }
        return start..<self.position
    }

    /// The rest of the line, and behind it.
    private mutating func line() -> Range<Int> {
        let start = self.position
        while self.bytes[self.position] != 0x0D || self.bytes[self.position + 1] != 0x0A { self.position += 1 }
        defer { self.position += 2 }
        return start..<self.position
    }

    private mutating func fields() throws(MessageError) -> HeaderFields {
        var fields = HeaderFields(over: self.whole)
        while true {
            let line = self.line()
            if line.isEmpty { return fields }
            guard fields.count < Self.maximumFields else {
                throw MessageError(431, "there are more than \(Self.maximumFields) header fields")
            }
            let (name, value) = try self.field(line)
            let known = KnownField(UnsafeRawBufferPointer(rebasing: self.bytes[name]))
            fields.note(name: name, value: value, as: known)
        }
    }

    private func field(_ line: Range<Int>) throws(MessageError) -> (Range<Int>, Range<Int>) {
        var colon = line.lowerBound
        while colon < line.upperBound, self.bytes[colon].isTokenCharacter { colon += 1 }
        // This refuses, too, a line that goes on the former (it begins with space) and space before the colon.
        guard colon > line.lowerBound, colon < line.upperBound, self.bytes[colon] == UInt8(ascii: ":") else {
            throw MessageError(400, "a header field is not a name, a colon and a value")
        }
        var start = colon + 1
        var end = line.upperBound
        while start < end, self.bytes[start].isBlank { start += 1 }
        while start < end, self.bytes[end - 1].isBlank { end -= 1 }
        for index in start..<end
        where self.bytes[index] < 0x20 && self.bytes[index] != 0x09 || self.bytes[index] == 0x7F {
            throw MessageError(400, "a header field's value has a control character")
        }
        return (line.lowerBound..<colon, start..<end)
    }
}

extension UInt8 {
    /// Whether it may stand in a method or a field's name (RFC 9110 section 5.6.2).
    var isTokenCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }

    /// Whether it may stand in a host with its port (RFC 3986 section 3.2.2).
    fileprivate var isHostCharacter: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: ":"),
            UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "%"), UInt8(ascii: "!"), UInt8(ascii: "$"),
            UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "*"),
            UInt8(ascii: "+"), UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "="):
            true
        default: false
        }
    }

    var isASCIIDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    var isBlank: Bool { self == 0x20 || self == 0x09 }
}
