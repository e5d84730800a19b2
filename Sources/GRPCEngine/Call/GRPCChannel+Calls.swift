package import HTTPEngine
package import Rollcall

/// Calls.
extension GRPCChannel {
    /// Makes a call with one message each way.
    ///
    /// - Parameters:
    ///   - method: Its path, such as `/etcdserverpb.KV/Range`.
    ///   - message: What is sent.
    ///   - metadata: Further fields.
    ///   - deadline: When to give up.
    /// - Returns: What came.
    /// - Throws: A ``GRPCError``.
    package func call(
        _ method: String,
        _ message: [UInt8],
        metadata: [HTTP2Field] = [],
        until deadline: TimeSource.Instant
    ) async throws(GRPCError) -> ArraySlice<UInt8> {
        let connection = try await self.connection(until: deadline).connection
        let stream: HTTP2Stream
        let piece: HTTP2Stream.Piece
        do throws(ConnectionError) {
            let block = self.block(method, metadata, timeout: self.clock.now.duration(to: deadline))
            stream = try connection.open(
                block,
                GRPCFraming.frame(message),
                isEnd: true,
                until: deadline,
                limit: self.byteLimit
            )
            defer { stream.close() }
            piece = try await stream.receive(whole: true)
        } catch {
            throw GRPCError(error)
        }
        try GRPCResponse.check(head: piece.head ?? [])
        try GRPCResponse.check(trailers: piece.trailers ?? piece.head ?? [])
        do throws(GRPCError) {
            var buffer = piece.bytes[...]
            if let answer = try GRPCFraming.takeMessage(from: &buffer, limit: self.configuration.messageLimit) {
                return answer
            }
            throw GRPCError(.internal, "a success came without its message", isLocal: true)
        } catch {
            var fault = error
            fault.mayBeApplied = true
            throw fault
        }
    }

    /// Makes a call with any number of messages each way, which ends with `body`.
    ///
    /// - Parameters:
    ///   - method: Its path.
    ///   - metadata: Further fields.
    ///   - deadline: Until when to wait for a connection; `nil` for no limit.
    ///   - lifetime: After how long it fails with `deadlineExceeded`; by default never.
    ///   - body: Sends and receives.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; a ``GRPCError`` when there is no connection.
    package func withStream<Value: Sendable>(
        _ method: String,
        metadata: [HTTP2Field] = [],
        until deadline: TimeSource.Instant? = nil,
        lifetime: Duration? = nil,
        _ body: (GRPCStream) async throws(GRPCError) -> Value
    ) async throws(GRPCError) -> Value {
        let (connection, number) = try await self.connection(until: deadline)
        let stream: HTTP2Stream
        do throws(ConnectionError) {
            let end = lifetime.map { self.clock.now.advanced(by: $0) }
            stream = try connection.open(
                self.block(method, metadata, timeout: nil),
                [],
                isEnd: false,
                until: end,
                limit: self.byteLimit
            )
        } catch {
            throw GRPCError(error)
        }
        defer { stream.close() }
        return try await body(GRPCStream(stream, on: number, limit: self.configuration.messageLimit))
    }

    /// The most bytes of a response that are kept until somebody takes them.
    private var byteLimit: Int { self.configuration.messageLimit + GRPCFraming.headSize }

    private func block(_ method: String, _ metadata: [HTTP2Field], timeout: Duration?) -> [UInt8] {
        var fields = HPACKEncoder()
        fields.append(":method", "POST")
        let server = self.latestServer
        fields.append(":scheme", server?.tls == nil ? "http" : "https")
        fields.append(":path", method)
        fields.append(":authority", server?.description ?? "localhost")
        fields.append("te", "trailers")
        fields.append("content-type", "application/grpc")
        fields.append("user-agent", "rollcall/\(RollcallVersion.text)")
        if let timeout { fields.append("grpc-timeout", "\(max(1, Int(timeout / .milliseconds(1))))m") }
        for field in metadata {
            fields.append(field.name, field.value, isSecret: ["token", "authorization"].contains(field.name))
        }
        return fields.bytes
    }
}

extension GRPCError {
    /// A call before anybody runs the channel.
    package static let notRunning = GRPCError(.unavailable, "run() is not running", isLocal: true)
}
