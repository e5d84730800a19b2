public import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Ports of 127.0.0.1 that refuse connections, whatever else the process opens.
public enum RefusingPort {
    /// Takes a port that is free and never listens on it.
    ///
    /// A port of a server that was closed would do until the system gives it to the next one. It stays taken until the
    /// process ends.
    ///
    /// - Returns: The port.
    /// - Throws: `unavailable` when the system has none.
    public static func reserve() throws(BackendError) -> Int {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        guard descriptor >= 0, status == 0 else {
            throw BackendError(.unavailable, "no port can be reserved: error \(errno)")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
