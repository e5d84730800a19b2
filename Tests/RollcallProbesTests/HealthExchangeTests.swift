import HTTPEngine
import Rollcall
import Testing

@testable import RollcallProbes

@Suite("HealthExchange", .timeLimit(.minutes(1)))
struct HealthExchangeTests {
    private static func frame(_ kind: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        var bytes: [UInt8] = []
        HTTP2Frame(kind: kind, flags: flags, stream: stream, payload: payload).write(to: &bytes)
        return bytes
    }

    private static let settings = frame(4)
    private static let headers = frame(1, flags: 4, stream: 1, [0x88])
    private static let ping = frame(6, [1, 2, 3, 4, 5, 6, 7, 8])
    private static let trailers = frame(1, flags: 5, stream: 1, [0x88])

    private static func answer(_ body: [UInt8], flags: UInt8 = 0) -> [UInt8] {
        self.frame(0, flags: flags, stream: 1, [0, 0, 0, 0, UInt8(body.count)] + body)
    }

    private static func outcome(of bytes: [UInt8]) -> ProbeOutcome? {
        var exchange = HealthExchange(service: "", authority: "a:1")
        return exchange.receive(bytes)
    }

    @Test("the question is the preface, settings, header fields that need no state, and the name of the service")
    func question() {
        var exchange = HealthExchange(service: "shop", authority: "10.0.0.1:50051")
        var output = exchange.takeOutput()
        #expect(output.starts(with: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8))
        output.removeFirst(24)
        #expect(output.starts(with: Self.frame(4, [0, 2, 0, 0, 0, 0])))
        output.removeFirst(15)
        let length = Int(HTTP2Frame.number(output[0..<3]))
        #expect(Array(output[3..<9]) == [1, 4, 0, 0, 0, 1])
        let fields = output[9..<9 + length]
        // POST stands in the table that both ends know.
        #expect(fields.first == 0x83)
        #expect(String(decoding: fields, as: UTF8.self).contains("/grpc.health.v1.Health/Check"))
        let rest = Array(output.dropFirst(9 + length))
        #expect(rest == Self.frame(0, flags: 1, stream: 1, [0, 0, 0, 0, 6, 0x0A, 4] + Array("shop".utf8)))
        #expect(exchange.takeOutput().isEmpty)
    }

    @Test("lengths beyond a byte are written in pieces of seven bits", arguments: [126, 127, 128, 254, 255, 300, 2048])
    func longTexts(_ size: Int) {
        var encoder = HPACKEncoder()
        encoder.append("x", String(repeating: "a", count: size))
        var bytes = Array(encoder.bytes.dropFirst(3))
        var length = Int(bytes.removeFirst())
        var shift = 0
        if length == 127 {
            var byte: UInt8
            repeat {
                byte = bytes.removeFirst()
                length += Int(byte & 0x7F) << shift
                shift += 7
            } while byte >= 0x80
        }
        #expect(length == size)
        #expect(bytes.count == size)
    }

    @Test("SERVING passes, in any pieces, and what is asked meanwhile is answered")
    func serving() {
        let bytes = Self.settings + Self.ping + Self.headers + Self.answer([8, 1]) + Self.trailers
        for cut in 0...bytes.count {
            var exchange = HealthExchange(service: "", authority: "a:1")
            _ = exchange.takeOutput()
            let first = exchange.receive(bytes[..<cut])
            #expect((first ?? exchange.receive(bytes[cut...])) == .passed("SERVING"))
            let acknowledgements = Self.frame(4, flags: 1) + Self.frame(6, flags: 1, [1, 2, 3, 4, 5, 6, 7, 8])
            #expect(exchange.takeOutput() == acknowledgements)
        }
    }

    @Test(
        "any other status fails",
        arguments: [[], [8, 0], [8, 2], [8, 3], [8, 0x80, 1], [8, 1, 8, 2]] as [[UInt8]]
    )
    func otherStatus(_ body: [UInt8]) throws {
        guard case .failed(let message) = Self.outcome(of: Self.settings + Self.headers + Self.answer(body)) else {
            Issue.record("it must fail")
            return
        }
        #expect(message.hasPrefix("the server says"))
    }

    @Test("fields that are not known are stepped over")
    func unknownFields() {
        let body: [UInt8] = [0x12, 2, 9, 9, 0x18, 0xFF, 1, 0x25, 0, 0, 0, 0, 0x29, 0, 0, 0, 0, 0, 0, 0, 0, 8, 1]
        #expect(Self.outcome(of: Self.settings + Self.headers + Self.answer(body)) == .passed("SERVING"))
        let padded = Self.frame(0, flags: 8, stream: 1, [3, 0, 0, 0, 0, 2, 8, 1, 0, 0, 0])
        #expect(Self.outcome(of: Self.settings + Self.headers + padded) == .passed("SERVING"))
        let others = Self.frame(8, [0, 0, 1, 0]) + Self.frame(2, stream: 1, [0, 0, 0, 0, 1]) + Self.frame(99, [1, 2])
        #expect(Self.outcome(of: Self.settings + others + Self.answer([8, 1])) == .passed("SERVING"))
        let torn = Self.frame(1, stream: 1, [0x88]) + Self.frame(9, flags: 4, stream: 1, [0])
        #expect(Self.outcome(of: Self.settings + torn + Self.answer([8, 1])) == .passed("SERVING"))
    }

    private static let breaches: [(String, [UInt8])] = [
        ("HTTP/1.1", Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)),
        ("a giant frame", settings + [0x00, 0x40, 0x01, 0, 0, 0, 0, 0, 1]),
        ("the greatest frame", settings + [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1]),
        ("no settings first", headers),
        ("an acknowledgement first", frame(4, flags: 1)),
        ("settings of another stream", frame(4, stream: 1)),
        ("settings of five bytes", frame(4, [0, 0, 0, 0, 0])),
        ("a long acknowledgement", settings + frame(4, flags: 1, [0, 0, 0, 0, 0, 0])),
        ("a short ping", settings + frame(6, [1])),
        ("trailers only", settings + trailers),
        ("trailers only, in two pieces", settings + frame(1, flags: 1, stream: 1) + frame(9, flags: 4, stream: 1)),
        ("a torn block", settings + frame(1, stream: 1) + ping),
        ("a continuation of nothing", settings + frame(9, flags: 4, stream: 1)),
        ("a reset", settings + frame(3, stream: 1, [0, 0, 0, 7])),
        ("going away", settings + frame(7, [0, 0, 0, 0, 0, 0, 0, 0])),
        ("a push", settings + frame(5, stream: 1, [0, 0, 0, 2])),
        ("header fields of another stream", settings + frame(1, flags: 4, stream: 3)),
        ("data of another stream", settings + frame(0, stream: 3, [0, 0, 0, 0, 2, 8, 1])),
        ("too much padding", settings + frame(0, flags: 8, stream: 1, [9, 0, 0])),
        ("padding of nothing", settings + frame(0, flags: 8, stream: 1)),
        ("a compressed answer", settings + frame(0, stream: 1, [1, 0, 0, 0, 2, 8, 1])),
        ("an answer cut off", settings + frame(0, flags: 1, stream: 1, [0, 0, 0, 0, 2, 8])),
        ("an empty answer", settings + frame(0, flags: 1, stream: 1)),
        (
            "a giant answer",
            settings + frame(0, stream: 1, [0, 0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 8, count: 300))
        ),
        ("an endless number", settings + answer([8] + [UInt8](repeating: 0xFF, count: 12))),
        ("a field 0", settings + answer([0, 1])),
        ("a group", settings + answer([0x0B])),
        ("a field that is cut off", settings + answer([0x12, 9, 1])),
        ("a length beyond all", settings + answer([0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1])),
        ("a flood of pings", settings + Array(repeatElement(ping, count: 100).joined())),
    ]

    @Test("what breaks the protocol fails", arguments: breaches)
    func malformed(_ name: String, _ bytes: [UInt8]) {
        guard case .failed = Self.outcome(of: bytes) else {
            Issue.record("\(name) must fail")
            return
        }
    }

    @Test("mutated and random answers never crash, and read the same in any pieces", arguments: 0..<20 as Range<UInt64>)
    func mutated(_ seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        let whole = Self.settings + Self.ping + Self.headers + Self.answer([0x12, 1, 7, 8, 1]) + Self.trailers
        for _ in 0..<200 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
                let index = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                case 2: bytes.remove(at: index)
                default: bytes.insert(contentsOf: bytes[index...].prefix(12), at: index)
                }
            }
            var exchange = HealthExchange(service: "", authority: "a:1")
            var outcome: ProbeOutcome?
            for byte in bytes where outcome == nil { outcome = exchange.receive([byte]) }
            #expect(outcome == Self.outcome(of: bytes))
        }
    }
}
