/// A frame of HTTP/2 (RFC 9113 section 4.1).
package struct HTTP2Frame: Hashable, Sendable {
    /// What a frame is.
    package enum Kind {
        package static let data: UInt8 = 0
        package static let headers: UInt8 = 1
        package static let resetStream: UInt8 = 3
        package static let settings: UInt8 = 4
        package static let pushPromise: UInt8 = 5
        package static let ping: UInt8 = 6
        package static let goAway: UInt8 = 7
        package static let windowUpdate: UInt8 = 8
        package static let continuation: UInt8 = 9
    }

    /// What may be set in ``flags``.
    package enum Flag {
        package static let acknowledgement: UInt8 = 0x1
        package static let endOfStream: UInt8 = 0x1
        package static let endOfHeaders: UInt8 = 0x4
        package static let padded: UInt8 = 0x8
        package static let priority: UInt8 = 0x20
    }

    /// What a client sends first (RFC 9113 section 3.4).
    package static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    /// The size of a frame without its payload.
    package static let headSize = 9
    /// The greatest payload, as long as nobody asked for more (RFC 9113 section 6.5.2).
    package static let maximumPayload = 16384

    /// What it is.
    package var kind: UInt8
    /// What is set.
    package var flags: UInt8
    /// The stream that it belongs to; 0 for the connection.
    package var stream: UInt32
    /// What it carries.
    package var payload: [UInt8]

    /// Creates a frame.
    package init(kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, payload: [UInt8] = []) {
        self.kind = kind
        self.flags = flags
        self.stream = stream
        self.payload = payload
    }

    /// Whether a flag is set.
    func has(_ flag: UInt8) -> Bool { self.flags & flag != 0 }

    /// Writes it.
    package func write(to output: inout [UInt8]) {
        Self.writeHead(self.kind, self.flags, self.stream, size: self.payload.count, to: &output)
        output.append(contentsOf: self.payload)
    }

    /// Writes what stands before a payload.
    static func writeHead(_ kind: UInt8, _ flags: UInt8, _ stream: UInt32, size: Int, to output: inout [UInt8]) {
        Self.append(UInt32(size), size: 3, to: &output)
        output.append(kind)
        output.append(flags)
        Self.append(stream, size: 4, to: &output)
    }

    /// What a frame that may be padded carries without its padding; `nil` when that is longer than the frame.
    package var unpaddedPayload: ArraySlice<UInt8>? {
        guard self.has(Flag.padded) else { return self.payload[...] }
        guard let padding = self.payload.first, Int(padding) < self.payload.count else { return nil }
        return self.payload.dropFirst().dropLast(Int(padding))
    }

    /// Reads a number in the order of the network.
    package static func number(_ bytes: some Collection<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Writes the low bytes of a number in the order of the network.
    package static func append(_ number: UInt32, size: Int, to output: inout [UInt8]) {
        for index in (0..<size).reversed() { output.append(UInt8(truncatingIfNeeded: number >> (8 * UInt32(index)))) }
    }
}

/// Why a stream ends before its time (RFC 9113 section 7).
package enum HTTP2Code {
    package static let noError: UInt32 = 0
    package static let refusedStream: UInt32 = 7
    package static let cancel: UInt32 = 8
    package static let enhanceYourCalm: UInt32 = 11

    /// A code in words.
    static func text(_ code: UInt32) -> String {
        let names = [
            "no error", "protocol error", "internal error", "flow control error", "settings timeout", "stream closed",
            "frame size error", "refused stream", "cancel", "compression error", "connect error",
            "enhance your calm", "inadequate security", "HTTP/1.1 required",
        ]
        return names.indices.contains(Int(code)) ? names[Int(code)] : "code \(code)"
    }
}
