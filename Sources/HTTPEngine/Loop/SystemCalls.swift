import CSystem
import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The calls that differ between systems.
enum SystemCalls {
    #if canImport(Darwin)
    static let stream = SOCK_STREAM
    static let sendFlags: Int32 = 0
    static let peekFlags = MSG_PEEK
    #elseif canImport(Musl)
    static let stream = SOCK_STREAM
    static let sendFlags = csystem_send_flags()
    static let peekFlags = csystem_peek_flags()
    #else
    static let stream = Int32(SOCK_STREAM.rawValue)
    static let sendFlags = csystem_send_flags()
    static let peekFlags = csystem_peek_flags()
    #endif

    /// Makes a descriptor close in children and never block.
    static func makeNonBlocking(_ descriptor: Int32) throws(SystemError) {
        let flags = fcntl(descriptor, F_GETFL)
        guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) >= 0,
            fcntl(descriptor, F_SETFD, FD_CLOEXEC) >= 0
        else { throw SystemError("fcntl") }
    }

    /// Sets a switch of a socket; one that the system lacks changes nothing that matters.
    static func enable(_ level: Int32, _ option: Int32, on descriptor: Int32) {
        var on: Int32 = 1
        _ = setsockopt(descriptor, level, option, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// Creates a stream socket that never blocks.
    static func makeSocket(family: Int32) throws(SystemError) -> Int32 {
        #if os(Linux)
        // In one call, as a child that another thread starts in between would inherit it.
        let descriptor = csystem_socket(family)
        guard descriptor >= 0 else { throw SystemError("socket") }
        #else
        let descriptor = socket(family, self.stream, 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        do throws(SystemError) {
            try self.makeNonBlocking(descriptor)
        } catch {
            _ = close(descriptor)
            throw error
        }
        #endif
        self.prepare(descriptor)
        return descriptor
    }

    /// Sends small writes at once, and never raises a signal for a peer that is gone.
    static func prepare(_ descriptor: Int32) {
        self.enable(Int32(IPPROTO_TCP), TCP_NODELAY, on: descriptor)
        #if canImport(Darwin)
        self.enable(SOL_SOCKET, SO_NOSIGPIPE, on: descriptor)
        #endif
    }
}
