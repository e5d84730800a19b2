package import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Reading and writing.
extension Socket {
    /// Whether something came that nobody read: bytes, the end, or why the connection broke.
    ///
    /// A connection on which nothing is under way has none; what comes on it belongs to no request.
    var hasUnread: Bool {
        self.state.withLock { state in
            guard !state.isClosed, state.reading.isReady else { return false }
            if let tls {
                let hasUnread = tls.hasUnread(on: self.descriptor)
                state.reading.isReady = hasUnread
                return hasUnread
            }
            var byte: UInt8 = 0
            if recv(self.descriptor, &byte, 1, SystemCalls.peekFlags) < 0, errno == EAGAIN || errno == EWOULDBLOCK {
                state.reading.isReady = false
                return false
            }
            return true
        }
    }

    /// Reads what is there, waiting for at least one byte.
    ///
    /// - Parameters:
    ///   - deadline: When to give up.
    ///   - body: Reads into memory of its own by calling what it is given, and returns what that returned.
    /// - Returns: The number of bytes; 0 at the end.
    /// - Throws: `timeout`, `closed` after ``abort()``, `broken`.
    func read(
        until deadline: TimeSource.Instant?,
        into body: ((UnsafeMutableRawBufferPointer) -> Int) -> Int
    ) async throws(ConnectionError) -> Int {
        while true {
            try await self.wait(.reading, until: deadline)
            if let count = try self.receive(into: body) { return count }
        }
    }

    /// Reads what is there, after the readiness for it was taken.
    ///
    /// - Returns: The number of bytes; 0 at the end; `nil` when nothing is there.
    func receive(into body: ((UnsafeMutableRawBufferPointer) -> Int) -> Int) throws(ConnectionError) -> Int? {
        if let tls { return try self.receive(into: body, through: tls) }
        var room = 0
        while true {
            let count = body { buffer in
                room = buffer.count
                return recv(self.descriptor, buffer.baseAddress, buffer.count, 0)
            }
            if count >= 0 {
                self.state.withLock { state in
                    // Less than there was room for is all that there was, and the loop tells of more, except that it
                    // told of the end before.
                    if count == 0 || count == room || state.isHungUp { state.reading.isReady = true }
                }
                return count
            }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return nil
            case let number: throw ConnectionError(.broken, SystemError("recv", number: number).description)
            }
        }
    }

    /// Writes all of `bytes` by a moment.
    ///
    /// - Throws: `timeout` when not all of them were taken by then; `closed`, `broken`.
    package func write(_ bytes: [UInt8], until deadline: TimeSource.Instant?) async throws(ConnectionError) {
        var sent = try self.transmit(bytes[...])
        while sent < bytes.count {
            try await self.wait(.writing, until: deadline)
            sent += try self.transmit(bytes[sent...])
        }
    }

    /// Writes all of `bytes`, however long that takes, as long as the peer goes on taking some.
    ///
    /// - Parameters:
    ///   - bytes: What to write.
    ///   - patience: How long the peer may take nothing.
    /// - Throws: `timeout` when it takes nothing for that long; `closed`, `broken`.
    package func write(_ bytes: [UInt8], patience: Duration) async throws(ConnectionError) {
        var sent = try self.transmit(bytes[...])
        while sent < bytes.count {
            var timeout: ConnectionError?
            do throws(ConnectionError) {
                try await self.wait(.writing, until: self.loop.clock.now.advanced(by: patience))
            } catch {
                guard error.kind == .timeout else { throw error }
                timeout = error
            }
            let count = try self.transmit(bytes[sent...])
            // Systems tell of room only when much of the buffer is free: a slow peer may have taken bytes all the time.
            if let timeout, count == 0 { throw timeout }
            sent += count
        }
    }

    /// Sends what the system takes at once, and returns how much that was.
    ///
    /// - Throws: `broken`.
    func transmitNow(_ bytes: [UInt8]) throws(ConnectionError) -> Int { try self.transmit(bytes[...]) }

    private func transmit(_ bytes: ArraySlice<UInt8>) throws(ConnectionError) -> Int {
        let result: Result<Int, ConnectionError> = bytes.withUnsafeBytes { bytes in
            do throws(ConnectionError) {
                return .success(try self.transmit(bytes))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Sends what the system takes at once, and returns how much that was.
    ///
    /// - Throws: `broken`.
    func transmit(_ bytes: UnsafeRawBufferPointer) throws(ConnectionError) -> Int {
        if let tls { return try tls.write(bytes, to: self.descriptor) }
        var sent = 0
        while sent < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
            let count = send(self.descriptor, rest.baseAddress, rest.count, SystemCalls.sendFlags)
            if count >= 0 {
                sent += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return sent
            case let number: throw ConnectionError(.broken, SystemError("send", number: number).description)
            }
        }
        return sent
    }
}
