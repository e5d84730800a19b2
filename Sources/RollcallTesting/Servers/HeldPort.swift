import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A port of 127.0.0.1 that is kept for one server, also while that is down: nobody else is given it.
///
/// The port is bound here and never listened on. On Linux a program that sets `SO_REUSEADDR`, as servers do, may listen
/// on it all the same, and the system gives it neither to who asks for any free port nor to connections. Elsewhere it
/// is only looked up.
final class HeldPort: Sendable {
    /// The port.
    let number: Int
    #if os(Linux)
    private let descriptor: Int32
    #endif

    /// Takes a port that is free for TCP and UDP.
    ///
    /// - Throws: `unavailable` when the system has none.
    init() throws(BackendError) {
        #if os(Linux)
        for _ in 0..<20 {
            guard let (descriptor, port) = Self.bindTCP() else { continue }
            if Self.isFreeForUDP(port) {
                self.descriptor = descriptor
                self.number = port
                return
            }
            close(descriptor)
        }
        throw BackendError(.unavailable, "no port of 127.0.0.1 can be had: error \(errno)")
        #else
        self.number = try FreePort.find()
        #endif
    }

    #if os(Linux)
    deinit {
        close(self.descriptor)
    }

    #if canImport(Glibc)
    private static let (stream, datagram) = (Int32(SOCK_STREAM.rawValue), Int32(SOCK_DGRAM.rawValue))
    private static let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)
    #else
    private static let (stream, datagram, closeOnExec) = (SOCK_STREAM, SOCK_DGRAM, SOCK_CLOEXEC)
    #endif

    private static func bindTCP() -> (descriptor: Int32, port: Int)? {
        let descriptor = socket(AF_INET, Self.stream | Self.closeOnExec, 0)
        guard descriptor >= 0 else { return nil }
        var on: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        guard let any = SocketAddress(host: "127.0.0.1", port: 0),
            any.withSystemAddress({ bind(descriptor, $0, $1) }) == 0,
            let port = SocketAddress(boundTo: descriptor)?.port
        else {
            close(descriptor)
            return nil
        }
        return (descriptor, port)
    }

    private static func isFreeForUDP(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Self.datagram | Self.closeOnExec, 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        guard let address = SocketAddress(host: "127.0.0.1", port: port) else { return false }
        return address.withSystemAddress { bind(descriptor, $0, $1) } == 0
    }
    #endif
}
