package import Rollcall

/// One request and the response to it, within the task that serves the connection.
package final class HTTPExchange {
    enum Progress {
        case waiting
        case streaming(isChunked: Bool)
        case done
    }

    /// The request.
    package let head: RequestHead
    /// The connection, for those who forward bodies as they come.
    package let connection: HTTPConnection
    let server: HTTPServer
    /// Where the request's body ends.
    package let framing: BodyFraming
    private(set) var progress = Progress.waiting
    private var decoder: BodyDecoder
    private var expectsContinue: Bool
    private var closes: Bool

    init(head: RequestHead, framing: BodyFraming, connection: HTTPConnection, server: HTTPServer) {
        self.head = head
        self.connection = connection
        self.server = server
        self.framing = framing
        self.decoder = BodyDecoder(framing)
        // HTTP/1.0 has no interim responses, and without a body there is nothing to wait for.
        self.expectsContinue =
            framing != .none && framing != .length(0) && !head.isVersion10
            && head.fields.lists("100-continue", in: .expect)
        self.closes = !head.keepsAlive
    }

    /// The loop that the task runs on.
    package var loop: EventLoop { self.connection.socket.loop }

    /// The client's address; `nil` once the connection broke.
    package var peer: SocketAddress? { self.connection.socket.peer }

    /// Whether the response has begun, so that it cannot become another one.
    package var hasBegun: Bool { if case .waiting = self.progress { false } else { true } }

    /// Whether the request has a body of which not all was taken.
    package var hasBody: Bool { !self.decoder.hasEnded }

    /// Whether the connection ends with this response.
    package var closesConnection: Bool { self.closes || self.server.isShuttingDown }

    /// Whether the client waits to be told to send the body.
    package var awaitsContinue: Bool { self.expectsContinue }

    /// Tells a client that waits for it to send the body; the bytes leave with the next flush.
    package func continueBody() {
        guard self.expectsContinue else { return }
        self.expectsContinue = false
        self.connection.output.append(contentsOf: "HTTP/1.1 100 Continue\r\n\r\n".utf8)
    }

    /// Ends the connection with this response.
    package func closeAfterwards() { self.closes = true }

    // MARK: The request's body

    /// Receives the whole body.
    ///
    /// - Parameter limit: The most bytes to take.
    /// - Returns: The body.
    /// - Throws: A ``Problem`` with status 413 for a longer one; a ``ConnectionError`` or ``MessageError``.
    package func readBody(limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while try await self.readPiece(upTo: limit + 1 - bytes.count, { bytes.append(contentsOf: $0) }) {
            guard bytes.count <= limit else {
                throw Problem(status: 413, code: .tooLarge, "the body has more than \(limit) bytes")
            }
        }
        return bytes
    }

    /// Receives the next piece of the body.
    ///
    /// - Returns: False once it has ended.
    /// - Throws: A ``ConnectionError`` or ``MessageError``.
    package func readPiece(
        upTo limit: Int = 65536,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) async throws -> Bool {
        if self.expectsContinue {
            self.continueBody()
            try await self.flush()
        }
        return try await self.connection.receivePiece(
            &self.decoder,
            upTo: limit,
            until: self.deadline(self.server.configuration.bodyTimeout),
            body
        )
    }

    /// Takes of the body what was received, without waiting.
    ///
    /// - Returns: How many bytes were taken; with none, the body has ended or more must be received.
    /// - Throws: A ``MessageError``.
    package func takePiece(
        upTo limit: Int = 65536,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(MessageError) -> Int {
        try self.connection.takePiece(&self.decoder, upTo: limit, body)
    }

    /// Steps over what is left of the body, if that is little.
    ///
    /// - Returns: Whether the connection stands at the next request.
    func skipBody() async -> Bool {
        guard !self.decoder.hasEnded else { return true }
        // A client that waits for `100 Continue` never sends the body.
        guard !self.expectsContinue else { return false }
        var rest = 65536
        do {
            while rest > 0 {
                guard try await self.readPiece(upTo: rest, { rest -= $0.count }) else { return true }
            }
        } catch {
            return false
        }
        return false
    }

    // MARK: The response

    /// Responds; the bytes leave with the next flush, at the latest when the handler returns.
    ///
    /// - Parameters:
    ///   - status: The status.
    ///   - contentType: What the body is; `nil` where there is none.
    ///   - headers: Further fields.
    ///   - body: The body.
    package func respond(
        _ status: Int,
        _ contentType: String? = nil,
        headers: [Problem.Header] = [],
        body: [UInt8] = []
    ) {
        self.writeHead(status, contentType, headers)
        if status >= 200, status != 204, status != 304 {
            self.connection.output.append(contentsOf: "Content-Length: \(body.count)\r\n".utf8)
        }
        self.connection.output.append(contentsOf: "\r\n".utf8)
        if self.head.method != "HEAD", status != 304 { self.connection.output.append(contentsOf: body) }
        self.progress = .done
    }

    /// Responds with a problem.
    package func respond(_ problem: Problem) {
        self.respond(problem.status, "application/problem+json", headers: problem.headers, body: problem.json)
    }

    /// Begins a response whose length is not known.
    ///
    /// - Throws: A ``ConnectionError``.
    package func beginStream(
        _ status: Int,
        _ contentType: String,
        headers: [Problem.Header] = []
    ) async throws(ConnectionError) {
        let isChunked = !self.head.isVersion10
        if !isChunked { self.closes = true }
        self.writeHead(status, contentType, headers)
        if isChunked { self.connection.output.append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8) }
        self.connection.output.append(contentsOf: "\r\n".utf8)
        self.progress = .streaming(isChunked: isChunked)
        try await self.flush()
    }

    /// Sends a part of a response that ``beginStream(_:_:headers:)`` began.
    ///
    /// - Throws: A ``ConnectionError``; `timeout` when the client takes nothing for a while.
    package func send(_ bytes: [UInt8]) async throws(ConnectionError) {
        guard case .streaming(let isChunked) = self.progress, !bytes.isEmpty, self.head.method != "HEAD" else { return }
        if isChunked {
            Self.writeChunk(bytes, to: &self.connection.output)
        } else {
            self.connection.output.append(contentsOf: bytes)
        }
        try await self.flush()
    }

    /// Ends a response that ``beginStream(_:_:headers:)`` began.
    package func endStream() {
        guard case .streaming(let isChunked) = self.progress else { return }
        if isChunked, self.head.method != "HEAD" { self.connection.output.append(contentsOf: "0\r\n\r\n".utf8) }
        self.progress = .done
    }

    /// Takes note that whoever forwards has written a response into the connection by itself.
    ///
    /// - Parameter isComplete: Whether the client can tell its end, so that the connection may go on.
    package func didRespond(isComplete: Bool) {
        self.progress = .done
        if !isComplete { self.closes = true }
    }

    /// Sends what waits.
    ///
    /// - Throws: A ``ConnectionError``; `timeout` when the client takes nothing for a while.
    package func flush() async throws(ConnectionError) {
        try await self.connection.flush(patience: self.server.configuration.writeTimeout)
    }

    /// Runs `body`, which waits for something else than this client, and calls `end` when the client closes the
    /// connection or the server shuts down.
    package func whileOpen<Value>(
        end: @escaping @Sendable () -> Void,
        _ body: () async throws -> Value
    ) async rethrows -> Value {
        let hook = self.server.onShutdown(end)
        self.connection.socket.onHangup(end)
        defer {
            self.connection.socket.onHangup(nil)
            self.server.removeShutdownHook(hook)
        }
        return try await body()
    }

    private func writeHead(_ status: Int, _ contentType: String?, _ headers: [Problem.Header]) {
        // A client that waits for `100 Continue` in vain may or may not send the body: nobody can tell what comes next.
        if self.expectsContinue { self.closes = true }
        var output = self.connection.output
        self.connection.output = []
        output.append(contentsOf: "HTTP/1.1 \(status) \(ResponseHead.reason(of: status))\r\n".utf8)
        HTTPDate.write(to: &output)
        if let contentType { output.append(contentsOf: "Content-Type: \(contentType)\r\n".utf8) }
        if self.closesConnection {
            output.append(contentsOf: "Connection: close\r\n".utf8)
        } else if self.head.isVersion10 {
            output.append(contentsOf: "Connection: keep-alive\r\n".utf8)
        }
        HeaderFields(headers.map { ($0.name, $0.value) }).write(to: &output)
        self.connection.output = output
    }

    private func deadline(_ limit: Duration) -> TimeSource.Instant {
        self.loop.clock.now.advanced(by: limit)
    }
}
