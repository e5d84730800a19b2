import HTTPEngine

/// One question of the gRPC health checking protocol, as a value: what to send, and what the answer means.
///
/// It reads only the frames that it must. Header fields are never decoded: an answer that passes is a message, and
/// whatever comes without one fails.
struct HealthExchange {
    /// How much may come before the answer.
    private static let maximumFrames = 64
    /// The greatest answer: a status is two bytes.
    private static let maximumMessage = 256
    private static let stream: UInt32 = 1

    /// What waits to be sent.
    private(set) var output: [UInt8] = []
    private var input: [UInt8] = []
    private var message: [UInt8] = []
    private var frameCount = 0
    /// Whether a block of header fields goes on, in which no other frame may come.
    private var isInHeaders = false
    /// Whether the answer ends with the block of header fields that goes on.
    private var endsWithHeaders = false

    /// Asks for a service.
    ///
    /// - Parameters:
    ///   - service: Its name; empty for the whole server.
    ///   - authority: The host and port that are asked.
    init(service: String, authority: String) {
        self.output = HTTP2Frame.preface
        // ENABLE_PUSH = 0
        HTTP2Frame(kind: HTTP2Frame.Kind.settings, payload: [0, 2, 0, 0, 0, 0]).write(to: &self.output)
        var fields = HPACKEncoder()
        for (name, value) in [
            (":method", "POST"), (":scheme", "http"), (":path", "/grpc.health.v1.Health/Check"),
            (":authority", authority), ("te", "trailers"), ("content-type", "application/grpc"),
            ("user-agent", "rollcall-prober"),
        ] { fields.append(name, value) }
        HTTP2Frame(
            kind: HTTP2Frame.Kind.headers,
            flags: HTTP2Frame.Flag.endOfHeaders,
            stream: Self.stream,
            payload: fields.bytes
        ).write(to: &self.output)
        HTTP2Frame(
            kind: HTTP2Frame.Kind.data,
            flags: HTTP2Frame.Flag.endOfStream,
            stream: Self.stream,
            payload: Self.request(service)
        ).write(to: &self.output)
    }

    /// Not compressed, its length, and `HealthCheckRequest` with the field 1, `service`.
    private static func request(_ service: String) -> [UInt8] {
        var body: [UInt8] = []
        if !service.isEmpty {
            body.append(0x0A)
            var length = service.utf8.count
            while length >= 128 {
                body.append(UInt8(length % 128 + 128))
                length /= 128
            }
            body.append(UInt8(length))
            body.append(contentsOf: service.utf8)
        }
        var request: [UInt8] = [0]
        HTTP2Frame.append(UInt32(body.count), size: 4, to: &request)
        return request + body
    }

    /// Takes what waits to be sent.
    mutating func takeOutput() -> [UInt8] {
        defer { self.output = [] }
        return self.output
    }

    /// Reads what came.
    ///
    /// - Returns: How the check ended, or `nil` while more must come.
    mutating func receive(_ bytes: some Sequence<UInt8>) -> ProbeOutcome? {
        self.input.append(contentsOf: bytes)
        var start = 0
        defer { self.input.removeFirst(start) }
        while self.input.count - start >= HTTP2Frame.headSize {
            let head = self.input[start..<start + HTTP2Frame.headSize]
            let length = Int(HTTP2Frame.number(head.prefix(3)))
            guard length <= HTTP2Frame.maximumPayload else {
                return .failed("what came is no HTTP/2, or a frame of \(length) bytes that was not asked for")
            }
            let end = start + HTTP2Frame.headSize + length
            guard self.input.count >= end else { return nil }
            let frame = HTTP2Frame(
                kind: head[start + 3],
                flags: head[start + 4],
                stream: HTTP2Frame.number(head.suffix(4)) & 0x7FFF_FFFF,
                payload: Array(self.input[(start + HTTP2Frame.headSize)..<end])
            )
            start = end
            if let outcome = self.receive(frame) { return outcome }
        }
        return nil
    }

    private mutating func receive(_ frame: HTTP2Frame) -> ProbeOutcome? {
        self.frameCount += 1
        guard self.frameCount <= Self.maximumFrames else {
            return .failed("\(Self.maximumFrames) frames came without an answer")
        }
        guard self.frameCount > 1 || (frame.kind == HTTP2Frame.Kind.settings && frame.flags == 0) else {
            return .failed("the first frame is not that of settings, so what came is no HTTP/2")
        }
        guard self.isInHeaders == (frame.kind == HTTP2Frame.Kind.continuation) else {
            return .failed("a block of header fields was torn")
        }
        switch frame.kind {
        case HTTP2Frame.Kind.settings: return self.receive(settings: frame)
        case HTTP2Frame.Kind.ping: return self.receive(ping: frame)
        case HTTP2Frame.Kind.headers, HTTP2Frame.Kind.continuation: return self.receive(headers: frame)
        case HTTP2Frame.Kind.data: return self.receive(data: frame)
        case HTTP2Frame.Kind.resetStream: return .failed("the server refused the question")
        case HTTP2Frame.Kind.goAway: return .failed("the server is going away")
        case HTTP2Frame.Kind.pushPromise: return .failed("the server sent what was not asked for")
        default: return nil
        }
    }

    private mutating func receive(settings frame: HTTP2Frame) -> ProbeOutcome? {
        let isAcknowledgement = frame.flags & HTTP2Frame.Flag.acknowledgement != 0
        guard frame.stream == 0, isAcknowledgement ? frame.payload.isEmpty : frame.payload.count.isMultiple(of: 6)
        else {
            return .failed("settings of \(frame.payload.count) bytes came")
        }
        if !isAcknowledgement {
            HTTP2Frame(kind: HTTP2Frame.Kind.settings, flags: HTTP2Frame.Flag.acknowledgement).write(to: &self.output)
        }
        return nil
    }

    private mutating func receive(ping frame: HTTP2Frame) -> ProbeOutcome? {
        guard frame.stream == 0, frame.payload.count == 8 else {
            return .failed("a ping of \(frame.payload.count) bytes came")
        }
        if frame.flags & HTTP2Frame.Flag.acknowledgement == 0 {
            HTTP2Frame(
                kind: HTTP2Frame.Kind.ping,
                flags: HTTP2Frame.Flag.acknowledgement,
                payload: frame.payload
            ).write(to: &self.output)
        }
        return nil
    }

    private mutating func receive(headers frame: HTTP2Frame) -> ProbeOutcome? {
        guard frame.stream == Self.stream else { return .failed("header fields came that belong to no question") }
        if frame.kind == HTTP2Frame.Kind.headers {
            self.endsWithHeaders = frame.flags & HTTP2Frame.Flag.endOfStream != 0
        }
        self.isInHeaders = frame.flags & HTTP2Frame.Flag.endOfHeaders == 0
        guard self.endsWithHeaders, !self.isInHeaders else { return nil }
        return .failed("the server answered with an error instead of a status")
    }

    private mutating func receive(data frame: HTTP2Frame) -> ProbeOutcome? {
        guard frame.stream == Self.stream, let payload = frame.unpaddedPayload else {
            return .failed("data came that belong to no question")
        }
        guard self.message.count + payload.count <= Self.maximumMessage else {
            return .failed("the answer has more than \(Self.maximumMessage) bytes")
        }
        self.message.append(contentsOf: payload)
        if let outcome = HealthAnswer.outcome(of: self.message) { return outcome }
        return frame.flags & HTTP2Frame.Flag.endOfStream == 0 ? nil : .failed("the answer is cut off")
    }
}
