package import Rollcall

/// An HTTP/1.1 client: requests to any origin, over connections that it keeps.
///
/// It follows no redirects and keeps no cookies.
package final class HTTPClient: Sendable {
    /// A request.
    package struct Request: Sendable {
        /// Where it goes.
        package var origin: Origin
        /// Its method.
        package var method: String
        /// Its path and query, percent-encoded.
        package var target: String
        /// Its fields but `Host` and those that frame the body.
        package var fields: [Problem.Header]
        /// Its body.
        package var body: [UInt8]

        /// Creates a request.
        package init(
            _ method: String = "GET",
            _ target: String,
            at origin: Origin,
            fields: [Problem.Header] = [],
            body: [UInt8] = []
        ) {
            self.method = method
            self.target = target
            self.origin = origin
            self.fields = fields
            self.body = body
        }

        /// Whether repeating it does no harm (RFC 9110 section 9.2.2).
        package var isIdempotent: Bool { HTTPClient.isIdempotent(self.method) }
    }

    /// A whole response.
    package struct Response: Sendable {
        /// Its status and fields.
        package let head: ResponseHead
        /// Its body.
        package let body: [UInt8]

        /// The status.
        package var status: Int { self.head.status }
    }

    /// Whether repeating a request with this method does no harm (RFC 9110 section 9.2.2).
    package static func isIdempotent(_ method: String) -> Bool {
        ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(method)
    }

    /// The connections.
    package let pool: ConnectionPool

    /// Creates a client with connections of its own.
    ///
    /// - Parameters:
    ///   - loop: What watches them; by default one of the process's.
    ///   - connectTimeout: How long a connection may take to be made.
    ///   - permits: Whether an address may be connected to, once a name was resolved.
    /// - Throws: `unavailable` when the process has no descriptor left.
    package init(
        loop: EventLoop? = nil,
        connectTimeout: Duration = .seconds(2),
        permits: @escaping @Sendable (SocketAddress) -> Bool = { _ in true }
    ) throws(BackendError) {
        do throws(SystemError) {
            let chosen = if let loop { loop } else { try EventLoops.running().next() }
            self.pool = ConnectionPool(loop: chosen, connectTimeout: connectTimeout, permits: permits)
        } catch {
            throw BackendError(.unavailable, "no event loop can be started: \(error)")
        }
    }

    /// What measures its deadlines.
    package var clock: TimeSource { self.pool.loop.clock }

    /// Sends a request and receives the whole response.
    ///
    /// - Parameters:
    ///   - request: The request. If it is idempotent and a connection that rested turns out closed, it is sent again.
    ///   - timeout: How long all of it may take.
    ///   - limit: The most bytes of body to take.
    /// - Returns: The response, whatever its status.
    /// - Throws: A ``ConnectionError``; `malformed` for what is no HTTP.
    package func send(
        _ request: Request,
        within timeout: Duration,
        limit: Int = 16 << 20
    ) async throws(ConnectionError) -> Response {
        let deadline = self.clock.now.advanced(by: timeout)
        return try await self.withResponse(to: request, headBy: deadline) { response throws(ConnectionError) in
            var body: [UInt8] = []
            while try await response.next(until: deadline, { body.append(contentsOf: $0) }) {
                guard body.count <= limit else {
                    throw ConnectionError(.malformed, "the response has more than \(limit) bytes")
                }
            }
            return Response(head: response.head, body: body)
        }
    }

    /// Sends a request and hands over the response as it comes.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - deadline: Until when the response must begin, the connection included.
    ///   - body: Receives the response; what it leaves of it is dropped with the connection.
    /// - Returns: What `body` returns.
    /// - Throws: A ``ConnectionError``.
    package func withResponse<Value: Sendable>(
        to request: Request,
        headBy deadline: TimeSource.Instant,
        _ body: (IncomingResponse) async throws(ConnectionError) -> Value
    ) async throws(ConnectionError) -> Value {
        var hasBegun = false
        var former: ConnectionError?
        if let socket = self.pool.takeResting(to: request.origin) {
            do throws(ConnectionError) {
                return try await self.perform(request, on: socket, until: deadline, &hasBegun, body)
            } catch {
                // The server may have closed it just now, before it saw the request. Once a response has begun that is
                // not so, and `body` must not see two.
                guard error.kind == .broken, !hasBegun, request.isIdempotent, !Task.isCancelled else { throw error }
                former = error
            }
        }
        let socket: Socket
        do throws(ConnectionError) {
            socket = try await self.pool.connect(to: request.origin, until: deadline)
        } catch {
            // A server that refuses now may have carried out what broke before.
            throw former ?? error
        }
        return try await self.perform(request, on: socket, until: deadline, &hasBegun, body)
    }

    private func perform<Value: Sendable>(
        _ request: Request,
        on socket: Socket,
        until deadline: TimeSource.Instant,
        _ hasBegun: inout Bool,
        _ body: (IncomingResponse) async throws(ConnectionError) -> Value
    ) async throws(ConnectionError) -> Value {
        let result: Result<(Value, Bool), ConnectionError> = await withTaskCancellationHandler {
            do throws(ConnectionError) {
                let connection = HTTPConnection(socket)
                Self.write(request, to: &connection.output)
                try await connection.flush(until: deadline)
                let response = try await IncomingResponse(to: request.method, on: connection, until: deadline)
                hasBegun = true
                return .success((try await body(response), response.isConnectionFree))
            } catch {
                return .failure(error)
            }
        } onCancel: {
            socket.abort()
        }
        switch result {
        case .success((let value, let isFree)):
            if isFree { self.pool.putToRest(socket, to: request.origin) } else { socket.close() }
            return value
        case .failure(let error):
            socket.close()
            throw error
        }
    }

    private static func write(_ request: Request, to output: inout [UInt8]) {
        output.append(contentsOf: "\(request.method) \(request.target) HTTP/1.1\r\nHost: \(request.origin)\r\n".utf8)
        HeaderFields(request.fields.map { ($0.name, $0.value) }).write(to: &output)
        if !request.body.isEmpty || !["GET", "HEAD", "DELETE"].contains(request.method) {
            output.append(contentsOf: "Content-Length: \(request.body.count)\r\n".utf8)
        }
        output.append(contentsOf: "\r\n".utf8)
        output.append(contentsOf: request.body)
    }
}

/// A response on its way in.
package final class IncomingResponse {
    /// Its status and fields.
    package let head: ResponseHead
    private let connection: HTTPConnection
    private var decoder: BodyDecoder
    private let framing: BodyFraming

    /// Receives the head of the response to a request that was sent, stepping over interim ones.
    ///
    /// - Throws: A ``ConnectionError``.
    package init(
        to method: String,
        on connection: HTTPConnection,
        until deadline: TimeSource.Instant
    ) async throws(ConnectionError) {
        self.connection = connection
        do {
            var head: ResponseHead
            repeat {
                guard let bytes = try await connection.receiveHead(until: deadline) else {
                    throw ConnectionError(.broken, "the connection was closed before a response")
                }
                head = try HeadParser.response(bytes)
            } while head.status < 200 && head.status != 101
            self.head = head
            self.framing = try BodyFraming.of(head, to: method)
            self.decoder = BodyDecoder(self.framing)
        } catch {
            throw Self.connectionError(error)
        }
    }

    /// Where its body ends.
    package var bodyFraming: BodyFraming { self.framing }

    /// Whether the connection may carry another request: all of this response was taken, and the server allows it.
    package var isConnectionFree: Bool {
        self.decoder.hasEnded && self.head.keepsAlive && self.framing != .untilClose && self.connection.isInputEmpty
            && self.head.status != 101
    }

    /// Receives the next piece of the body.
    ///
    /// - Parameters:
    ///   - deadline: When to give up.
    ///   - body: Called with the bytes, which are gone afterwards; perhaps more than once.
    /// - Returns: False once the body has ended.
    /// - Throws: A ``ConnectionError``.
    package func next(
        until deadline: TimeSource.Instant?,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) async throws(ConnectionError) -> Bool {
        do {
            return try await self.connection.receivePiece(&self.decoder, until: deadline, body)
        } catch {
            throw Self.connectionError(error)
        }
    }

    private static func connectionError(_ error: any Error) -> ConnectionError {
        switch error {
        case let error as ConnectionError: error
        default: ConnectionError(.malformed, "what came is no HTTP/1.1 response: \(error)")
        }
    }
}
