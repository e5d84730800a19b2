import Foundation
public import Rollcall
public import RollcallService
import Synchronization

/// A server for the examples, over TCP: a caller sends a line, gets a line, and the connection ends.
///
/// What matters here are the three calls by which a `ServiceRunner` runs any server.
public final class LineServer: ServiceServer {
    private let host: String
    private let port: Int
    private let answer: @Sendable (String) -> String
    private let listener = Mutex<Connection?>(nil)
    /// Becomes readable when the server is to stop.
    private let stop = Pipe()

    /// Describes a server.
    ///
    /// - Parameters:
    ///   - host: The address to listen on, which callers are told.
    ///   - port: The port; 0 for one that is free.
    ///   - answer: Makes the answer to a line.
    public init(host: String, port: Int, answer: @escaping @Sendable (String) -> String) {
        self.host = host
        self.port = port
        self.answer = answer
    }

    /// Binds the port and listens.
    public func listen() async throws -> [Endpoint] {
        let listener = try Connection(self.host, self.port, "listen on") { descriptor, address, length in
            var yes: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
            return bind(descriptor, address, length) == 0 ? Foundation.listen(descriptor, 128) : -1
        }
        self.listener.withLock { $0 = listener }
        return [try Endpoint(scheme: "tcp", host: self.host, port: Self.port(of: listener))]
    }

    /// Serves until it is stopped, and until those who are connected then have their answers.
    public func serve() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            while let caller = try await self.accept() {
                group.addTask {
                    // A caller who goes away is no failure of the server.
                    try? await onThread { try caller.write(line: self.answer(try caller.readLine())) }
                }
            }
        }
    }

    /// Takes nobody else; what is under way ends within two seconds by itself.
    public func stop(within limit: Duration) async throws { self.wake() }

    private func wake() { try? self.stop.fileHandleForWriting.write(contentsOf: [0]) }

    /// Waits for a caller; `nil` when the server is to stop.
    private func accept() async throws -> Connection? {
        guard let listener = self.listener.withLock({ $0 }) else { return nil }
        return try await withTaskCancellationHandler {
            try await onThread { try Self.accept(listener, unless: self.stop.fileHandleForReading.fileDescriptor) }
        } onCancel: {
            self.wake()
        }
    }

    private static func accept(_ listener: Connection, unless stop: Int32) throws -> Connection? {
        while true {
            var events = [listener.descriptor, stop].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&events, 2, -1) > 0 else {
                if errno == EINTR { continue }
                throw SocketError("wait for callers")
            }
            if events[1].revents != 0 { return nil }
            let descriptor = Foundation.accept(listener.descriptor, nil, nil)
            if descriptor >= 0 { return Connection(taking: descriptor) }
            // Whoever called is gone already, or the process has no descriptor left and may have one soon.
            guard [EINTR, ECONNABORTED, EAGAIN].contains(errno) else { throw SocketError("accept a caller") }
        }
    }

    private static func port(of listener: Connection) throws -> Int {
        var address = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(listener.descriptor, $0, &length) }
        }
        guard status == 0 else { throw SocketError("find the port") }
        return withUnsafeBytes(of: &address) { bytes in
            // The same place in an IPv4 and in an IPv6 address.
            Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        }
    }
}

/// Calls a ``LineServer``.
///
/// - Parameters:
///   - line: What to send.
///   - endpoint: Where it is.
/// - Returns: Its answer.
/// - Throws: Why there is none.
public func ask(_ line: String, at endpoint: Endpoint) async throws -> String {
    try await onThread {
        let connection = try Connection(endpoint.host, endpoint.port, "connect to") { connect($0, $1, $2) }
        try connection.write(line: line)
        return try connection.readLine()
    }
}
