import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import GRPCEngine

@Suite("Protocol Buffers")
struct ProtobufTests {
    @Test("numbers, bytes and messages are written as the format has them")
    func written() {
        var writer = ProtobufWriter()
        writer.integer(1, 150)
        writer.string(2, "testing")
        writer.message(3) { $0.integer(1, 1) }
        writer.boolean(4, true)
        writer.integer(16, -1)
        let expected: [UInt8] =
            [0x08, 0x96, 0x01, 0x12, 7] + Array("testing".utf8) + [0x1A, 2, 8, 1, 0x20, 1, 0x80, 0x01]
            + [UInt8](repeating: 0xFF, count: 9) + [1]
        #expect(writer.bytes == expected)
    }

    @Test("defaults are left out, but for a choice that says that it is there, and for an empty message")
    func defaults() {
        var writer = ProtobufWriter()
        writer.integer(1, 0)
        writer.bytes(2, [UInt8]())
        writer.boolean(3, false)
        #expect(writer.bytes == [])
        writer.chosen(4, 0)
        writer.message(5) { _ in }
        #expect(writer.bytes == [0x20, 0, 0x2A, 0])
    }

    @Test("what was written is read, and fields of all types that nobody knows are stepped over")
    func read() throws {
        var writer = ProtobufWriter()
        writer.integer(1, .min)
        writer.unsigned(2, .max)
        writer.bytes(3, [1, 2, 3])
        // A fixed number of eight bytes and one of four.
        let bytes = writer.bytes + [0x21, 1, 0, 0, 0, 0, 0, 0, 0, 0x2D, 2, 0, 0, 0]
        var fields: [Int: ProtobufReader.Value] = [:]
        try ProtobufReader.read(bytes[...]) { number, value in fields[number] = value }
        #expect(fields[1]?.integer == .min)
        #expect(fields[2] == .number(.max))
        #expect(fields[3]?.array == [1, 2, 3])
        #expect(fields[4]?.integer == 1)
        #expect(fields[5]?.integer == 2)
    }

    @Test(
        "what is no message is refused",
        arguments: [
            [0x08], [0x0A, 5, 1], [0x00, 1], [0x0B], [0x0F], [0x0D, 1], [0x09, 1],
            [0x08] + [UInt8](repeating: 0xFF, count: 10),
            [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1],
        ] as [[UInt8]]
    )
    func faults(_ bytes: [UInt8]) {
        #expect(throws: GRPCError.self) { try ProtobufReader.read(bytes[...]) { _, _ in } }
    }

    @Test("rubbish never crashes")
    func fuzz() {
        var writer = ProtobufWriter()
        writer.integer(1, 150)
        writer.message(3) { $0.string(1, "abc") }
        writer.integer(16, -1)
        var generator = SplitMix64(seed: 2)
        for _ in 0..<20_000 {
            try? ProtobufReader.read(Mutation.of(writer.bytes, using: &generator)[...]) { _, value in
                _ = (value.integer, value.string, value.boolean)
            }
        }
    }
}

@Suite("Messages of gRPC")
struct GRPCFramingTests {
    @Test("messages are taken one after the other, once they are whole")
    func messages() throws {
        let bytes = GRPCFraming.frame([1, 2, 3]) + GRPCFraming.frame([]) + GRPCFraming.frame([4])
        for cut in 0...bytes.count {
            var buffer = bytes[..<cut]
            var taken: [[UInt8]] = []
            while let message = try GRPCFraming.takeMessage(from: &buffer, limit: 10) { taken.append(Array(message)) }
            buffer.append(contentsOf: bytes[cut...])
            while let message = try GRPCFraming.takeMessage(from: &buffer, limit: 10) { taken.append(Array(message)) }
            #expect(taken == [[1, 2, 3], [], [4]])
        }
    }

    @Test(
        "a message that is compressed or too long is refused",
        arguments: [[1, 0, 0, 0, 1, 0], [0, 0, 0, 0, 11]] as [[UInt8]]
    )
    func refusals(_ bytes: [UInt8]) {
        var buffer = bytes[...]
        #expect(throws: GRPCError.self) { try GRPCFraming.takeMessage(from: &buffer, limit: 10) }
    }
}

@Suite("Fields of gRPC")
struct GRPCResponseTests {
    @Test("a status that is no success is an error with its message, which is percent-encoded")
    func status() {
        let trailers = [HTTP2Field("grpc-status", "5"), HTTP2Field("grpc-message", "lease%20not found%")]
        let error = #expect(throws: GRPCError.self) { try GRPCResponse.check(trailers: trailers) }
        #expect(error?.status == .notFound)
        #expect(error?.message == "lease%20not found%")
        let encoded = [HTTP2Field("grpc-status", "5"), HTTP2Field("grpc-message", "lease%20not%20found")]
        let other = #expect(throws: GRPCError.self) { try GRPCResponse.check(trailers: encoded) }
        #expect(other?.message == "lease not found")
    }

    @Test(
        "what is no gRPC says so by the status of HTTP",
        arguments: [("404", GRPCStatus.unimplemented), ("503", .unavailable), ("200", .unknown)]
    )
    func strangers(_ status: String, _ expected: GRPCStatus) {
        let head = [HTTP2Field(":status", status), HTTP2Field("content-type", "text/html")]
        let error = #expect(throws: GRPCError.self) { try GRPCResponse.check(head: head) }
        #expect(error?.status == expected)
    }

    @Test("an end without a status is none")
    func withoutStatus() {
        #expect(throws: GRPCError.self) { try GRPCResponse.check(trailers: []) }
        #expect(throws: Never.self) { try GRPCResponse.check(trailers: [HTTP2Field("grpc-status", "0")]) }
    }
}
