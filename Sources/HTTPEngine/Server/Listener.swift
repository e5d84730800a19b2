import CSystem
import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Sockets that accept connections.
enum Listener {
    /// Listens.
    ///
    /// - Throws: A ``SystemError``, such as for a port that is in use.
    static func listen(
        host: String,
        port: Int,
        on loop: EventLoop
    ) throws(SystemError) -> (socket: Socket, address: SocketAddress) {
        guard let address = SocketAddress(host: host, port: port) else {
            throw SystemError("listening on \(host)", number: EADDRNOTAVAIL)
        }
        let descriptor = try SystemCalls.makeSocket(family: address.family)
        SystemCalls.enable(SOL_SOCKET, SO_REUSEADDR, on: descriptor)
        guard address.withSystemAddress({ bind(descriptor, $0, $1) }) == 0, Self.beginListening(descriptor) == 0 else {
            let error = SystemError("listening on \(address)")
            Self.close(descriptor)
            throw error
        }
        let bound = SocketAddress(boundTo: descriptor) ?? address
        return (try loop.adopt(descriptor), bound)
    }

    /// Accepts a connection that waits, or returns `nil`.
    ///
    /// - Throws: A ``SystemError`` when the process or system has no room for it.
    static func accept(from listener: Socket) throws(SystemError) -> Int32? {
        while true {
            #if os(Linux)
            let descriptor = csystem_accept(listener.descriptor)
            #else
            let descriptor = Darwin.accept(listener.descriptor, nil, nil)
            if descriptor >= 0 { try? SystemCalls.makeNonBlocking(descriptor) }
            #endif
            if descriptor >= 0 {
                SystemCalls.prepare(descriptor)
                return descriptor
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EAGAIN, EWOULDBLOCK, EBADF, EINVAL: return nil
            default: throw SystemError("accept")
            }
        }
    }

    /// Closes a descriptor that no socket owns.
    static func close(_ descriptor: Int32) {
        #if canImport(Glibc)
        _ = Glibc.close(descriptor)
        #elseif canImport(Musl)
        _ = Musl.close(descriptor)
        #else
        _ = Darwin.close(descriptor)
        #endif
    }

    private static func beginListening(_ descriptor: Int32) -> Int32 {
        #if canImport(Glibc)
        Glibc.listen(descriptor, 4096)
        #elseif canImport(Musl)
        Musl.listen(descriptor, 4096)
        #else
        Darwin.listen(descriptor, 1024)
        #endif
    }
}
