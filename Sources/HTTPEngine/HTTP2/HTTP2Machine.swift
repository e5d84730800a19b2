/// The client's side of a connection of HTTP/2 (RFC 9113), as a value: what to send, and what came.
///
/// What comes is acknowledged at once, as whoever waits for it takes it from memory; how much that may be is for them to
/// limit.
package struct HTTP2Machine: Sendable {
    /// What happened.
    package enum Event: Hashable, Sendable {
        /// Fields came: those of the head, or behind the body if it is the end.
        case fields(UInt32, [HTTP2Field], isEnd: Bool)
        /// A piece of a body came.
        case data(UInt32, ArraySlice<UInt8>, isEnd: Bool)
        /// A stream is over before its end.
        case reset(UInt32, code: UInt32)
        /// The server takes no further streams, and why.
        case goingAway(String)
    }

    /// What is known of a stream that is not over.
    struct Stream: Sendable {
        /// How much may be sent.
        var window: Int
        /// What waits for the window, and whether the end comes behind it.
        var waiting: [UInt8] = []
        var endsBehindWaiting = false
        /// Whether the end was sent.
        var isSent = false
        /// How much came since the server was last told that it may send more.
        var unacknowledged = 0
        /// Whether the head came.
        var hasHead = false
    }

    /// How much a stream may send before it is told to go on.
    static let streamWindow = 4 << 20
    /// How much all streams together may.
    static let connectionWindow = 16 << 20
    /// What both are before anybody says something else (RFC 9113 section 6.9.2).
    static let usualWindow = 65535
    /// The greatest window.
    static let maximumWindow = Int(Int32.max)
    /// How much may wait to be sent to a server that asks again and again and reads nothing.
    static let maximumOutput = 64 << 20

    /// What is to be sent.
    var output: [UInt8]
    var input: [UInt8] = []
    var streams: [UInt32: Stream] = [:]
    /// How much all streams together may send.
    var window = HTTP2Machine.usualWindow
    /// What the windows of streams begin with, and the greatest frame: as the server says.
    var initialWindow = HTTP2Machine.usualWindow
    var maximumPayload = HTTP2Frame.maximumPayload
    /// How many streams the server allows at once.
    package internal(set) var maximumStreams = Int.max
    /// Whether the server takes no further streams.
    package internal(set) var isGoingAway = false
    var unacknowledged = 0
    var hasSettings = false
    var decoder = HPACKDecoder()
    /// A block of fields that goes on.
    var block: (stream: UInt32, bytes: [UInt8], isEnd: Bool)?
    private var nextStream: UInt32

    /// From which stream on no further ones are begun: some before the last number (RFC 9113 section 5.1.1), so that another
    /// connection is there in time.
    static let lastStream: UInt32 = 1 << 31 - 1 << 20

    /// Begins a connection.
    ///
    /// - Parameter nextStream: The number of the first stream.
    package init(nextStream: UInt32 = 1) {
        self.nextStream = nextStream
        self.output = HTTP2Frame.preface
        var settings: [UInt8] = []
        // ENABLE_PUSH and INITIAL_WINDOW_SIZE (RFC 9113 section 6.5.2).
        for (name, value) in [(2, 0), (4, Self.streamWindow)] as [(UInt32, Int)] {
            HTTP2Frame.append(name, size: 2, to: &settings)
            HTTP2Frame.append(UInt32(value), size: 4, to: &settings)
        }
        HTTP2Frame(kind: HTTP2Frame.Kind.settings, payload: settings).write(to: &self.output)
        self.acknowledge(Self.connectionWindow - Self.usualWindow, stream: 0)
    }

    /// Whether something is to be sent.
    package var hasOutput: Bool { !self.output.isEmpty }

    /// Takes what is to be sent.
    package mutating func takeOutput() -> [UInt8] {
        defer { self.output = [] }
        return self.output
    }

    /// Whether a stream was begun here, though it may be over.
    func hasBegun(_ stream: UInt32) -> Bool { stream < self.nextStream }

    /// How many streams are not over.
    package var streamCount: Int { self.streams.count }

    /// Begins a stream.
    ///
    /// - Parameters:
    ///   - block: Its fields, as ``HPACKEncoder`` writes them.
    ///   - body: What it carries.
    ///   - isEnd: Whether that is all.
    /// - Returns: The stream.
    /// - Throws: `refused` when the server takes no more streams now, or the fields are too long for it.
    package mutating func open(_ block: [UInt8], _ body: [UInt8], isEnd: Bool) throws(ConnectionError) -> UInt32 {
        guard !self.isGoingAway else {
            throw ConnectionError(.refused, "the server takes no further streams on this connection")
        }
        guard self.streams.count < self.maximumStreams else {
            throw ConnectionError(.refused, "the server takes no more than \(self.maximumStreams) streams at once")
        }
        guard block.count <= self.maximumPayload else {
            throw ConnectionError(.refused, "the request has header fields of \(block.count) bytes")
        }
        let stream = self.nextStream
        self.nextStream += 2
        self.streams[stream] = Stream(window: self.initialWindow)
        HTTP2Frame(
            kind: HTTP2Frame.Kind.headers,
            flags: HTTP2Frame.Flag.endOfHeaders,
            stream: stream,
            payload: block
        ).write(to: &self.output)
        self.send(body, on: stream, isEnd: isEnd)
        if self.nextStream >= Self.lastStream { self.isGoingAway = true }
        return stream
    }

    /// Sends a piece of a body, as far as the windows allow, and the rest when they do.
    ///
    /// - Parameters:
    ///   - body: The piece.
    ///   - stream: Whose; nothing happens for one that is over.
    ///   - isEnd: Whether that is all.
    package mutating func send(_ body: [UInt8], on stream: UInt32, isEnd: Bool) {
        guard self.streams[stream]?.isSent == false, !body.isEmpty || isEnd else { return }
        self.streams[stream]?.waiting.append(contentsOf: body)
        if isEnd { self.streams[stream]?.endsBehindWaiting = true }
        self.sendWaiting(on: stream)
    }

    /// How much of what was to be sent on a stream waits for the server.
    package func waitingBytes(on stream: UInt32) -> Int { self.streams[stream]?.waiting.count ?? 0 }

    /// Ends a stream before its time; nothing happens for one that is over.
    package mutating func reset(_ stream: UInt32, code: UInt32 = HTTP2Code.cancel) {
        guard self.streams.removeValue(forKey: stream) != nil else { return }
        var payload: [UInt8] = []
        HTTP2Frame.append(code, size: 4, to: &payload)
        HTTP2Frame(kind: HTTP2Frame.Kind.resetStream, stream: stream, payload: payload).write(to: &self.output)
    }

    /// Asks for a sign of life, which is any frame that comes.
    package mutating func ping() {
        HTTP2Frame(kind: HTTP2Frame.Kind.ping, payload: Array("rollcall".utf8)).write(to: &self.output)
    }

    mutating func sendWaiting(on stream: UInt32) {
        guard var state = self.streams[stream], !state.isSent else { return }
        var start = 0
        while start < state.waiting.count || state.endsBehindWaiting {
            let rest = state.waiting.count - start
            let count = max(0, min(rest, state.window, self.window, self.maximumPayload))
            guard count > 0 || rest == 0 else { break }
            state.isSent = state.endsBehindWaiting && count == rest
            HTTP2Frame.writeHead(
                HTTP2Frame.Kind.data,
                state.isSent ? HTTP2Frame.Flag.endOfStream : 0,
                stream,
                size: count,
                to: &self.output
            )
            self.output.append(contentsOf: state.waiting[start..<start + count])
            start += count
            state.window -= count
            self.window -= count
            if state.isSent { break }
        }
        state.waiting.removeFirst(start)
        self.streams[stream] = state
    }

    mutating func acknowledge(_ count: Int, stream: UInt32) {
        var payload: [UInt8] = []
        HTTP2Frame.append(UInt32(count), size: 4, to: &payload)
        HTTP2Frame(kind: HTTP2Frame.Kind.windowUpdate, stream: stream, payload: payload).write(to: &self.output)
    }
}
