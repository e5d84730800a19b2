/// A frame of HTTP/2 (RFC 9113 section 4.1).
struct HTTP2Frame: Hashable, Sendable {
    /// What a frame is.
    enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let resetStream: UInt8 = 3
        static let settings: UInt8 = 4
        static let pushPromise: UInt8 = 5
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let continuation: UInt8 = 9
    }

    /// What may be set in ``flags``.
    enum Flag {
        static let acknowledgement: UInt8 = 0x1
        static let endOfStream: UInt8 = 0x1
        static let endOfHeaders: UInt8 = 0x4
        static let padded: UInt8 = 0x8
    }

    /// The size of a frame without its payload.
    static let headSize = 9
    /// The greatest payload, as long as nobody asked for more (RFC 9113 section 6.5.2).
    static let maximumPayload = 16384

    var kind: UInt8
    var flags: UInt8 = 0
    var stream: UInt32 = 0
    var payload: [UInt8] = []

    func write(to output: inout [UInt8]) {
        Self.append(UInt32(self.payload.count), size: 3, to: &output)
        output.append(self.kind)
        output.append(self.flags)
        Self.append(self.stream, size: 4, to: &output)
        output.append(contentsOf: self.payload)
    }

    /// What a DATA frame carries without its padding; `nil` when that is longer than the frame.
    var unpaddedPayload: ArraySlice<UInt8>? {
        guard self.flags & Flag.padded != 0 else { return self.payload[...] }
        guard let padding = self.payload.first, Int(padding) < self.payload.count else { return nil }
        return self.payload.dropFirst().dropLast(Int(padding))
    }

    /// Reads a number in the order of the network.
    static func number(_ bytes: some Collection<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Writes the low bytes of a number in the order of the network.
    static func append(_ number: UInt32, size: Int, to output: inout [UInt8]) {
        for index in (0..<size).reversed() { output.append(UInt8(truncatingIfNeeded: number >> (8 * UInt32(index)))) }
    }
}

/// Header fields as HTTP/2 writes them, in the one form that needs no state: literal, not indexed, not compressed
/// (RFC 7541 section 6.2.2).
enum LiteralFields {
    static func append(_ name: String, _ value: String, to output: inout [UInt8]) {
        output.append(0)
        self.append(name, to: &output)
        self.append(value, to: &output)
    }

    private static func append(_ text: String, to output: inout [UInt8]) {
        // A number with a prefix of seven bits (RFC 7541 section 5.1).
        var rest = text.utf8.count
        if rest < 127 {
            output.append(UInt8(rest))
        } else {
            output.append(127)
            rest -= 127
            while rest >= 128 {
                output.append(UInt8(rest % 128 + 128))
                rest /= 128
            }
            output.append(UInt8(rest))
        }
        output.append(contentsOf: text.utf8)
    }
}
