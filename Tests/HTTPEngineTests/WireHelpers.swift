import Rollcall
import Testing

@testable import HTTPEngine

extension InputBuffer {
    /// Takes bytes as if they had been received at once.
    mutating func receive(_ bytes: some Collection<UInt8>) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = self.fill { buffer in
                let count = min(buffer.count, rest.count)
                for (offset, byte) in rest.prefix(count).enumerated() { buffer[offset] = byte }
                return count
            }
            rest = rest.dropFirst(count)
        }
    }
}

/// What a connection's bytes turned out to be.
struct WireReading: Equatable {
    /// Each request's method, target, fields and body.
    var requests: [String] = []
    /// The rule that was broken, if any; nothing is read behind it.
    var failure: MessageError?
}

/// Reads requests off a connection as the server does, in whatever pieces they come.
struct WireReader {
    private(set) var reading = WireReading()
    private var input = InputBuffer()
    private var current: (head: RequestHead, decoder: BodyDecoder, body: [UInt8])?

    /// Takes a piece of what is received.
    mutating func receive(_ piece: some Collection<UInt8>) {
        guard self.reading.failure == nil else { return }
        self.input.receive(piece)
        do {
            while try self.step() {}
        } catch {
            self.reading.failure = error
        }
    }

    private mutating func step() throws(MessageError) -> Bool {
        guard let current = self.current else {
            guard let bytes = try self.input.takeHead() else { return false }
            let head = try HeadParser.request(bytes)
            self.current = (head, BodyDecoder(try BodyFraming.of(head)), [])
            return true
        }
        let head = current.head
        var (decoder, body) = (current.decoder, current.body)
        let isProgress = try decoder.take(from: &self.input, upTo: .max) { body.append(contentsOf: $0) }
        guard decoder.hasEnded else {
            self.current = (head, decoder, body)
            return isProgress
        }
        let fields = (0..<head.fields.count).map { "\(head.fields.name(at: $0))=\(head.fields.value(at: $0))" }
        self.reading.requests.append(
            "\(head.method) \(head.target) \(head.isVersion10) \(fields) \(String(decoding: body, as: UTF8.self))"
        )
        self.current = nil
        return true
    }

    /// Reads all of a connection that came in pieces.
    static func read(_ pieces: [ArraySlice<UInt8>]) -> WireReading {
        var reader = WireReader()
        for piece in pieces { reader.receive(piece) }
        return reader.reading
    }
}
