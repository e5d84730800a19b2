import Foundation

/// Runs a call that blocks on a thread of its own, so that it keeps none of those that tasks share.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// Why a system call failed.
struct SocketError: Error, CustomStringConvertible {
    let description: String

    init(_ attempt: String, _ number: Int32 = errno) {
        self.description = "cannot \(attempt): \(String(cString: strerror(number)))"
    }
}

/// A socket that speaks in lines; nothing on it takes longer than two seconds.
final class Connection: Sendable {
    let descriptor: Int32

    init(taking descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { close(self.descriptor) }

    /// Opens a socket for an address and does something with both, such as `bind` or `connect`.
    convenience init(
        _ host: String,
        _ port: Int,
        _ attempt: String,
        _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws {
        var hints = addrinfo()
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let place = "\(attempt) \(host):\(port)"
        guard getaddrinfo(host, "\(port)", &hints, &list) == 0, let first = list?.pointee, let address = first.ai_addr
        else { throw SocketError(place, EINVAL) }
        defer { freeaddrinfo(list) }
        let descriptor = socket(first.ai_family, first.ai_socktype, first.ai_protocol)
        guard descriptor >= 0 else { throw SocketError("open a socket") }
        self.init(taking: descriptor)
        guard body(descriptor, address, first.ai_addrlen) == 0 else { throw SocketError(place) }
    }

    /// Reads up to a line feed; a line has at most 1 KiB.
    func readLine() throws -> String {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count < 1024 {
            let count = recv(self.descriptor, &byte, 1, 0)
            if count < 0, errno == EINTR { continue }
            guard count == 1 else { throw SocketError("read a line", count == 0 ? ECONNRESET : errno) }
            if byte == 0x0A { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        throw SocketError("read a line", EMSGSIZE)
    }

    /// Writes a line.
    func write(line: String) throws {
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(self.descriptor, $0.baseAddress, $0.count, 0) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SocketError("write a line") }
            rest = rest.dropFirst(count)
        }
    }
}
