/// Where a message's body ends.
package enum BodyFraming: Hashable, Sendable {
    /// There is none.
    case none
    /// After this many bytes.
    case length(Int)
    /// With the last chunk.
    case chunked
    /// With the connection: only a response may.
    case untilClose

    /// The framing of a request's body.
    ///
    /// - Throws: A ``MessageError`` for framing that two readers could read in two ways.
    package static func of(_ head: RequestHead) throws(MessageError) -> BodyFraming {
        try Self.declared(head.fields, isVersion10: head.isVersion10, status: 400) ?? .none
    }

    /// The framing of a response's body.
    ///
    /// - Parameters:
    ///   - head: The response.
    ///   - method: The method of its request.
    /// - Returns: The framing.
    /// - Throws: A ``MessageError`` for framing that two readers could read in two ways.
    package static func of(_ head: ResponseHead, to method: String) throws(MessageError) -> BodyFraming {
        if method == "HEAD" || head.status == 204 || head.status == 304 || head.status < 200 { return .none }
        return try Self.declared(head.fields, isVersion10: head.isVersion10, status: 502) ?? .untilClose
    }

    private static func declared(
        _ fields: HeaderFields,
        isVersion10: Bool,
        status: Int
    ) throws(MessageError) -> BodyFraming? {
        guard fields.contains(.contentLength) || fields.contains(.transferEncoding) else { return nil }
        guard !fields.contains(.transferEncoding) else {
            guard !fields.contains(.contentLength) else {
                throw MessageError(status, "Content-Length and Transfer-Encoding exclude each other")
            }
            guard !isVersion10 else { throw MessageError(status, "HTTP/1.0 has no Transfer-Encoding") }
            guard fields.count(of: .transferEncoding) == 1, fields.isValue(of: .transferEncoding, "chunked") else {
                throw MessageError(status == 400 ? 501 : status, "of Transfer-Encoding only 'chunked' is understood")
            }
            return .chunked
        }
        guard let count = fields.number(.contentLength) else {
            throw MessageError(status, "Content-Length must be there once and be a whole number")
        }
        return .length(count)
    }
}

/// Follows a body through what is received, piece by piece.
package struct BodyDecoder: Sendable {
    private enum State: Hashable {
        case length(Int)
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailer
        case untilClose
        case ended
        /// It broke the rules: what follows is nobody's body, nor another message.
        case broken(MessageError)
    }

    /// The greatest length of a chunk's first line, extensions included, and of a trailer's.
    private static let maximumLine = 4096
    private static let maximumTrailer = 16384

    private var state: State
    private var trailerBytes = 0

    /// Stands at the beginning of a body.
    package init(_ framing: BodyFraming) {
        switch framing {
        case .none, .length(0): self.state = .ended
        case .length(let count): self.state = .length(count)
        case .chunked: self.state = .chunkSize
        case .untilClose: self.state = .untilClose
        }
    }

    /// Whether the whole body was taken.
    package var hasEnded: Bool { self.state == .ended }

    /// Takes what it can.
    ///
    /// - Parameters:
    ///   - input: What was received; what is taken leaves it.
    ///   - limit: The most bytes of body to take.
    ///   - body: Called with the bytes of the body.
    /// - Returns: Whether anything was taken; if not, more must be received.
    /// - Throws: A ``MessageError`` for chunks that break the rules.
    mutating func take(
        from input: inout InputBuffer,
        upTo limit: Int,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(MessageError) -> Bool {
        switch self.state {
        case .ended: return false
        case .broken(let error): throw error
        case .untilClose: return input.take(upTo: limit, body) > 0
        case .length(let rest):
            let count = input.take(upTo: min(rest, limit), body)
            self.state = rest == count ? .ended : .length(rest - count)
            return count > 0
        case .chunk(let rest):
            let count = input.take(upTo: min(rest, limit), body)
            self.state = rest == count ? .chunkEnd : .chunk(rest - count)
            return count > 0
        case .chunkSize, .chunkEnd, .trailer:
            do throws(MessageError) {
                return try self.takeLine(from: &input)
            } catch {
                self.state = .broken(error)
                throw error
            }
        }
    }

    /// Takes note of the end of what is received.
    ///
    /// - Throws: `broken` when the body should have gone on.
    package mutating func finish() throws(ConnectionError) {
        guard self.state == .untilClose || self.state == .ended else {
            throw ConnectionError(.broken, "the connection ended within a body")
        }
        self.state = .ended
    }

    private mutating func takeLine(from input: inout InputBuffer) throws(MessageError) -> Bool {
        guard let line = try input.takeLine(maximum: Self.maximumLine) else { return false }
        switch self.state {
        case .chunkSize:
            let size = try Self.size(line)
            self.state = size == 0 ? .trailer : .chunk(size)
        case .chunkEnd:
            guard line.isEmpty else { throw MessageError(400, "a chunk is longer than it says") }
            self.state = .chunkSize
        default:
            self.trailerBytes += line.count
            guard self.trailerBytes <= Self.maximumTrailer else { throw MessageError(431, "the trailer is too long") }
            if line.isEmpty { self.state = .ended }
        }
        return true
    }

    private static func size(_ line: [UInt8]) throws(MessageError) -> Int {
        let digits = line.prefix { $0 != UInt8(ascii: ";") }
        // `Int(_:radix:)` would take a sign.
        guard !digits.isEmpty, digits.count <= 15, digits.allSatisfy(\.isHexadecimalDigit),
            line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }),
            let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw MessageError(400, "a chunk's size is not a hexadecimal number") }
        return size
    }
}

extension UInt8 {
    fileprivate var isHexadecimalDigit: Bool {
        self.isASCIIDigit || (self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "f"))
    }
}
