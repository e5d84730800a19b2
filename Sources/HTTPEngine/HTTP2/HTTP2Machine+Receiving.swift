import Rollcall

/// What comes.
extension HTTP2Machine {
    /// Reads what came.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - event: Told of each thing that happened, in order.
    /// - Throws: `malformed` for what is no HTTP/2; the connection is of no use afterwards.
    package mutating func receive(
        _ bytes: UnsafeRawBufferPointer,
        _ event: (Event) -> Void
    ) throws(ConnectionError) {
        self.input.append(contentsOf: bytes)
        var start = 0
        defer { self.input.removeFirst(start) }
        while self.input.count - start >= HTTP2Frame.headSize {
            let head = self.input[start..<start + HTTP2Frame.headSize]
            let length = Int(HTTP2Frame.number(head.prefix(3)))
            guard length <= HTTP2Frame.maximumPayload else {
                throw Self.fault("a frame of \(length) bytes, which was not asked for")
            }
            let end = start + HTTP2Frame.headSize + length
            guard self.input.count >= end else { break }
            let frame = HTTP2Frame(
                kind: head[start + 3],
                flags: head[start + 4],
                stream: HTTP2Frame.number(head.suffix(4)) & 0x7FFF_FFFF,
                payload: Array(self.input[(start + HTTP2Frame.headSize)..<end])
            )
            start = end
            try self.receive(frame, event)
            guard self.output.count <= Self.maximumOutput else {
                throw ConnectionError(.broken, "the server reads nothing of what it asks for")
            }
        }
    }

    private mutating func receive(_ frame: HTTP2Frame, _ event: (Event) -> Void) throws(ConnectionError) {
        guard self.hasSettings || (frame.kind == HTTP2Frame.Kind.settings && frame.flags == 0) else {
            throw Self.fault("the first frame is not that of settings")
        }
        guard (self.block == nil) == (frame.kind != HTTP2Frame.Kind.continuation) else {
            throw Self.fault("a block of header fields was torn")
        }
        switch frame.kind {
        case HTTP2Frame.Kind.settings: try self.receive(settings: frame)
        case HTTP2Frame.Kind.ping: try self.receive(ping: frame)
        case HTTP2Frame.Kind.windowUpdate: try self.receive(windowUpdate: frame, event)
        case HTTP2Frame.Kind.headers, HTTP2Frame.Kind.continuation: try self.receive(headers: frame, event)
        case HTTP2Frame.Kind.data: try self.receive(data: frame, event)
        case HTTP2Frame.Kind.resetStream: try self.receive(reset: frame, event)
        case HTTP2Frame.Kind.goAway: try self.receive(goAway: frame, event)
        case HTTP2Frame.Kind.pushPromise: throw Self.fault("the server sent what was not asked for")
        default: return
        }
    }

    private mutating func receive(settings frame: HTTP2Frame) throws(ConnectionError) {
        let isAcknowledgement = frame.has(HTTP2Frame.Flag.acknowledgement)
        guard frame.stream == 0, isAcknowledgement ? frame.payload.isEmpty : frame.payload.count.isMultiple(of: 6)
        else { throw Self.fault("settings of \(frame.payload.count) bytes") }
        guard !isAcknowledgement else { return }
        self.hasSettings = true
        for start in stride(from: 0, to: frame.payload.count, by: 6) {
            let value = Int(HTTP2Frame.number(frame.payload[(start + 2)..<(start + 6)]))
            switch HTTP2Frame.number(frame.payload[start..<(start + 2)]) {
            case 3: self.maximumStreams = value
            case 4: try self.changeInitialWindow(to: value)
            case 5:
                guard (16384..<1 << 24).contains(value) else { throw Self.fault("frames of at most \(value) bytes") }
                // Greater frames bring nothing here, and keep other streams waiting.
                self.maximumPayload = HTTP2Frame.maximumPayload
            default: continue
            }
        }
        HTTP2Frame(kind: HTTP2Frame.Kind.settings, flags: HTTP2Frame.Flag.acknowledgement).write(to: &self.output)
    }

    private mutating func changeInitialWindow(to size: Int) throws(ConnectionError) {
        guard size <= Self.maximumWindow else { throw Self.fault("a window of \(size) bytes") }
        let change = size - self.initialWindow
        self.initialWindow = size
        for stream in self.streams.keys {
            self.streams[stream]?.window += change
            self.sendWaiting(on: stream)
        }
    }

    private mutating func receive(ping frame: HTTP2Frame) throws(ConnectionError) {
        guard frame.stream == 0, frame.payload.count == 8 else {
            throw Self.fault("a ping of \(frame.payload.count) bytes")
        }
        guard !frame.has(HTTP2Frame.Flag.acknowledgement) else { return }
        HTTP2Frame(kind: HTTP2Frame.Kind.ping, flags: HTTP2Frame.Flag.acknowledgement, payload: frame.payload)
            .write(to: &self.output)
    }

    private mutating func receive(
        windowUpdate frame: HTTP2Frame,
        _ event: (Event) -> Void
    ) throws(ConnectionError) {
        let count = Int(HTTP2Frame.number(frame.payload) & 0x7FFF_FFFF)
        guard frame.payload.count == 4, count > 0 else { throw Self.fault("a window that does not grow") }
        if frame.stream == 0 {
            self.window += count
            guard self.window <= Self.maximumWindow else { throw Self.fault("a window that grows beyond all limits") }
            for stream in self.streams.keys.sorted() where self.window > 0 { self.sendWaiting(on: stream) }
        } else if let window = self.streams[frame.stream]?.window {
            guard window + count <= Self.maximumWindow else {
                throw Self.fault("a window that grows beyond all limits")
            }
            self.streams[frame.stream]?.window += count
            self.sendWaiting(on: frame.stream)
        }
    }

    private mutating func receive(headers frame: HTTP2Frame, _ event: (Event) -> Void) throws(ConnectionError) {
        if frame.kind == HTTP2Frame.Kind.headers {
            try self.checkKnown(frame)
            guard var bytes = frame.unpaddedPayload else { throw Self.fault("padding without end") }
            if frame.has(HTTP2Frame.Flag.priority) {
                guard bytes.count >= 5 else { throw Self.fault("header fields that are cut off") }
                bytes = bytes.dropFirst(5)
            }
            self.block = (frame.stream, Array(bytes), frame.has(HTTP2Frame.Flag.endOfStream))
        } else {
            guard self.block?.stream == frame.stream else { throw Self.fault("a block of header fields was torn") }
            self.block?.bytes.append(contentsOf: frame.payload)
        }
        guard let block = self.block, block.bytes.count <= HPACKDecoder.maximumBytes else {
            throw Self.fault("header fields of more than \(HPACKDecoder.maximumBytes) bytes")
        }
        guard frame.has(HTTP2Frame.Flag.endOfHeaders) else { return }
        self.block = nil
        // Those of streams that were given up are read, too, as they change the table.
        let fields = try self.decoder.decode(block.bytes[...])
        guard let stream = self.streams[block.stream] else { return }
        guard !stream.hasHead || block.isEnd else { throw Self.fault("header fields in the middle of a body") }
        let isInterim = fields.first(":status").map { $0.count == 3 && $0.hasPrefix("1") } ?? false
        if isInterim, !block.isEnd { return }
        self.streams[block.stream]?.hasHead = true
        self.end(block.stream, if: block.isEnd)
        event(.fields(block.stream, fields, isEnd: block.isEnd))
    }

    private mutating func receive(data frame: HTTP2Frame, _ event: (Event) -> Void) throws(ConnectionError) {
        try self.checkKnown(frame)
        guard let bytes = frame.unpaddedPayload else { throw Self.fault("padding without end") }
        self.unacknowledged += frame.payload.count
        guard self.unacknowledged <= Self.connectionWindow else { throw Self.fault("more than was allowed") }
        if self.unacknowledged >= Self.connectionWindow / 2 {
            self.acknowledge(self.unacknowledged, stream: 0)
            self.unacknowledged = 0
        }
        guard var stream = self.streams[frame.stream] else { return }
        guard stream.hasHead else { throw Self.fault("a body without a head") }
        stream.unacknowledged += frame.payload.count
        guard stream.unacknowledged <= Self.streamWindow else { throw Self.fault("more than was allowed") }
        let isEnd = frame.has(HTTP2Frame.Flag.endOfStream)
        if stream.unacknowledged >= Self.streamWindow / 2, !isEnd {
            self.acknowledge(stream.unacknowledged, stream: frame.stream)
            stream.unacknowledged = 0
        }
        self.streams[frame.stream] = stream
        self.end(frame.stream, if: isEnd)
        event(.data(frame.stream, bytes, isEnd: isEnd))
    }

    /// Forgets a stream whose response is whole; if the request is not, the server needs no more of it.
    private mutating func end(_ stream: UInt32, if isEnd: Bool) {
        guard isEnd else { return }
        if self.streams[stream]?.isSent == true {
            self.streams[stream] = nil
        } else {
            self.reset(stream, code: HTTP2Code.noError)
        }
    }

    private mutating func receive(reset frame: HTTP2Frame, _ event: (Event) -> Void) throws(ConnectionError) {
        try self.checkKnown(frame)
        guard frame.payload.count == 4 else { throw Self.fault("a reset of \(frame.payload.count) bytes") }
        guard self.streams.removeValue(forKey: frame.stream) != nil else { return }
        event(.reset(frame.stream, code: HTTP2Frame.number(frame.payload)))
    }

    private mutating func receive(goAway frame: HTTP2Frame, _ event: (Event) -> Void) throws(ConnectionError) {
        guard frame.stream == 0, frame.payload.count >= 8 else { throw Self.fault("a farewell that is cut off") }
        self.isGoingAway = true
        let last = HTTP2Frame.number(frame.payload.prefix(4)) & 0x7FFF_FFFF
        let code = HTTP2Frame.number(frame.payload[4..<8])
        let text = String(decoding: frame.payload[8...].prefix(128), as: UTF8.self)
        // These it never looked at.
        for stream in self.streams.keys.sorted() where stream > last {
            self.streams[stream] = nil
            event(.reset(stream, code: HTTP2Code.refusedStream))
        }
        event(.goingAway(HTTP2Code.text(code) + (text.isEmpty ? "" : ", \(text.quotedForDisplay)")))
    }

    /// A frame belongs to a stream that was begun here, also one that is over.
    private func checkKnown(_ frame: HTTP2Frame) throws(ConnectionError) {
        guard frame.stream % 2 == 1, self.hasBegun(frame.stream) else {
            throw Self.fault("a frame of stream \(frame.stream), which was never begun")
        }
    }

    static func fault(_ what: String) -> ConnectionError {
        ConnectionError(.malformed, "what came is no HTTP/2: \(what)")
    }
}
