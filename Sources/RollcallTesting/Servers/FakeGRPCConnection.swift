import HTTPEngine
import Rollcall
import Synchronization

/// A connection to a ``FakeGRPCServer``: as much of HTTP/2 as the engine's own client needs.
final class FakeGRPCConnection: Sendable {
    private struct Stream {
        var method = ""
        var fields: [UInt8] = []
        var body: [UInt8] = []
        var hasHead = false
    }

    private let socket: Socket
    private let output = AsyncStream<[UInt8]>.makeStream()
    private let streams = Mutex<[UInt32: Stream]>([:])

    init(_ socket: Socket) {
        self.socket = socket
    }

    func cut() { self.socket.abort() }

    func sayGoodbye() {
        let last = self.streams.withLock { $0.keys.max() ?? 0 }
        var payload: [UInt8] = []
        HTTP2Frame.append(last, size: 4, to: &payload)
        HTTP2Frame.append(HTTP2Code.noError, size: 4, to: &payload)
        self.write(HTTP2Frame(kind: HTTP2Frame.Kind.goAway, payload: payload))
    }

    func run(_ handler: FakeGRPCServer.Handler) async {
        self.write(HTTP2Frame(kind: HTTP2Frame.Kind.settings))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.writeAll() }
            await self.read(handler)
            self.output.continuation.finish()
            self.socket.abort()
        }
        self.socket.close()
    }

    func send(_ message: [UInt8], on stream: UInt32) {
        self.sendHead(of: stream)
        var payload: [UInt8] = [0]
        HTTP2Frame.append(UInt32(message.count), size: 4, to: &payload)
        payload += message
        // Nobody may send more in one frame.
        for start in Swift.stride(from: 0, to: payload.count, by: HTTP2Frame.maximumPayload) {
            let piece = payload[start...].prefix(HTTP2Frame.maximumPayload)
            self.write(HTTP2Frame(kind: HTTP2Frame.Kind.data, stream: stream, payload: Array(piece)))
        }
    }

    func end(_ stream: UInt32, _ status: Int, _ text: String) {
        self.sendHead(of: stream)
        var fields = HPACKEncoder()
        fields.append("grpc-status", "\(status)")
        if !text.isEmpty { fields.append("grpc-message", text) }
        let flags = HTTP2Frame.Flag.endOfHeaders | HTTP2Frame.Flag.endOfStream
        self.write(HTTP2Frame(kind: HTTP2Frame.Kind.headers, flags: flags, stream: stream, payload: fields.bytes))
        self.streams.withLock { $0[stream] = nil }
    }

    func reset(_ stream: UInt32) {
        self.write(HTTP2Frame(kind: HTTP2Frame.Kind.resetStream, stream: stream, payload: [0, 0, 0, 2]))
        self.streams.withLock { $0[stream] = nil }
    }

    private func sendHead(of stream: UInt32) {
        let isFirst = self.streams.withLock { streams in
            defer { streams[stream]?.hasHead = true }
            return streams[stream]?.hasHead == false
        }
        guard isFirst else { return }
        var fields = HPACKEncoder()
        fields.append(":status", "200")
        fields.append("content-type", "application/grpc")
        let flags = HTTP2Frame.Flag.endOfHeaders
        self.write(HTTP2Frame(kind: HTTP2Frame.Kind.headers, flags: flags, stream: stream, payload: fields.bytes))
    }

    private func write(_ frame: HTTP2Frame) {
        var bytes: [UInt8] = []
        frame.write(to: &bytes)
        self.output.continuation.yield(bytes)
    }

    private func writeAll() async {
        let connection = HTTPConnection(self.socket)
        for await bytes in self.output.stream {
            connection.output = bytes
            guard (try? await connection.flush(until: nil)) != nil else { return }
        }
    }

    private func read(_ handler: FakeGRPCServer.Handler) async {
        let connection = HTTPConnection(self.socket)
        var bytes: [UInt8] = []
        var isGreeted = false
        while (try? await connection.receive(until: nil)) == true {
            bytes += connection.takeReceived()
            if !isGreeted, bytes.count >= HTTP2Frame.preface.count {
                isGreeted = true
                bytes.removeFirst(HTTP2Frame.preface.count)
            }
            while isGreeted, let frame = Self.takeFrame(from: &bytes) { self.take(frame, handler) }
        }
    }

    private static func takeFrame(from bytes: inout [UInt8]) -> HTTP2Frame? {
        guard bytes.count >= HTTP2Frame.headSize else { return nil }
        let end = HTTP2Frame.headSize + Int(HTTP2Frame.number(bytes[..<3]))
        guard bytes.count >= end else { return nil }
        defer { bytes.removeFirst(end) }
        return HTTP2Frame(
            kind: bytes[3],
            flags: bytes[4],
            stream: HTTP2Frame.number(bytes[5..<9]),
            payload: Array(bytes[HTTP2Frame.headSize..<end])
        )
    }

    private func take(_ frame: HTTP2Frame, _ handler: FakeGRPCServer.Handler) {
        switch frame.kind {
        case HTTP2Frame.Kind.settings where frame.flags & HTTP2Frame.Flag.acknowledgement == 0:
            self.write(HTTP2Frame(kind: frame.kind, flags: HTTP2Frame.Flag.acknowledgement))
        case HTTP2Frame.Kind.ping where frame.flags & HTTP2Frame.Flag.acknowledgement == 0:
            self.write(
                HTTP2Frame(kind: frame.kind, flags: HTTP2Frame.Flag.acknowledgement, payload: frame.payload)
            )
        case HTTP2Frame.Kind.headers:
            let stream = Stream(method: Self.method(in: frame.payload), fields: frame.payload)
            self.streams.withLock { $0[frame.stream] = stream }
        case HTTP2Frame.Kind.resetStream:
            self.streams.withLock { $0[frame.stream] = nil }
        case HTTP2Frame.Kind.data:
            for call in self.take(frame) { handler(call) }
        default: return
        }
    }

    /// The messages that a frame makes whole.
    private func take(_ frame: HTTP2Frame) -> [FakeGRPCServer.Call] {
        self.streams.withLock { streams in
            guard var stream = streams[frame.stream] else { return [] }
            stream.body += frame.payload
            var calls: [FakeGRPCServer.Call] = []
            while stream.body.count >= 5 {
                let end = 5 + Int(HTTP2Frame.number(stream.body[1..<5]))
                guard stream.body.count >= end else { break }
                calls.append(
                    FakeGRPCServer.Call(
                        method: stream.method,
                        message: Array(stream.body[5..<end]),
                        fields: stream.fields,
                        stream: frame.stream,
                        connection: self
                    )
                )
                stream.body.removeFirst(end)
            }
            streams[frame.stream] = stream
            return calls
        }
    }

    /// The service and the method, which the client writes as they are.
    private static func method(in fields: [UInt8]) -> String {
        guard let start = fields.firstRange(of: Array("/etcdserverpb.".utf8))?.upperBound else { return "" }
        let isPart: (UInt8) -> Bool = { byte in
            byte == UInt8(ascii: "/") || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte
        }
        return String(decoding: fields[start...].prefix(while: isPart), as: UTF8.self)
    }
}
