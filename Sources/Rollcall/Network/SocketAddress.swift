#if canImport(Glibc)
package import Glibc
#elseif canImport(Musl)
package import Musl
#else
package import Darwin
#endif

/// A numeric address with a port.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address in its usual text form, IPv6 without brackets.
    package let host: String
    /// The port.
    package let port: Int
    private let bytes: [UInt8]

    /// Reads a numeric address, or returns `nil` for a name.
    package init?(host: String, port: Int) {
        guard (0...65535).contains(port) else { return nil }
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, host, &four) == 1 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr = four
            #if canImport(Darwin)
            address.sin_len = UInt8(MemoryLayout<sockaddr_in>.size)
            #endif
            self.init(bytes: withUnsafeBytes(of: &address) { Array($0) })
        } else if inet_pton(AF_INET6, host, &six) == 1 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = UInt16(port).bigEndian
            address.sin6_addr = six
            #if canImport(Darwin)
            address.sin6_len = UInt8(MemoryLayout<sockaddr_in6>.size)
            #endif
            self.init(bytes: withUnsafeBytes(of: &address) { Array($0) })
        } else {
            return nil
        }
    }

    /// The address that a socket is bound to.
    package init?(boundTo descriptor: Int32) {
        self.init { getsockname(descriptor, $0, $1) }
    }

    /// The address that a socket is connected to.
    package init?(connectedTo descriptor: Int32) {
        self.init { getpeername(descriptor, $0, $1) }
    }

    /// Whether a socket is connected to anything.
    package static func isConnected(_ descriptor: Int32) -> Bool {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.baseAddress.map { getpeername(descriptor, $0.assumingMemoryBound(to: sockaddr.self), &length) } == 0
        }
    }

    private init?(_ ask: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = withUnsafeMutableBytes(of: &storage) { bytes in
            bytes.baseAddress.map { ask($0.assumingMemoryBound(to: sockaddr.self), &length) } ?? -1
        }
        guard status == 0 else { return nil }
        self.init(bytes: withUnsafeBytes(of: &storage) { Array($0.prefix(Int(length))) })
    }

    /// Takes the system's form apart.
    package init?(bytes: [UInt8]) {
        self.bytes = bytes
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = Self.family(of: bytes)
        let named: (pointer: UnsafePointer<CChar>?, port: UInt16) = bytes.withUnsafeBytes { raw in
            switch family {
            case AF_INET where raw.count >= MemoryLayout<sockaddr_in>.size:
                var address = raw.loadUnaligned(as: sockaddr_in.self)
                return (inet_ntop(AF_INET, &address.sin_addr, &text, socklen_t(text.count)), address.sin_port)
            case AF_INET6 where raw.count >= MemoryLayout<sockaddr_in6>.size:
                var address = raw.loadUnaligned(as: sockaddr_in6.self)
                return (inet_ntop(AF_INET6, &address.sin6_addr, &text, socklen_t(text.count)), address.sin6_port)
            default: return (nil, 0)
            }
        }
        guard named.pointer != nil else { return nil }
        self.host = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        self.port = Int(UInt16(bigEndian: named.port))
    }

    /// `AF_INET` or `AF_INET6`.
    package var family: Int32 { Self.family(of: self.bytes) }

    /// The address alone: 4 bytes, or 16.
    package var addressBytes: [UInt8] {
        // Behind family and port; IPv6 has a flow label in between (RFC 3493 section 3.3).
        self.family == AF_INET ? Array(self.bytes[4..<8]) : Array(self.bytes[8..<24])
    }

    /// Whether it is reachable from this machine only.
    package var isLoopback: Bool { self.host == "::1" || self.host.hasPrefix("127.") }

    /// Calls `body` with the system's form.
    package func withSystemAddress<Value>(_ body: (UnsafePointer<sockaddr>?, socklen_t) -> Value) -> Value {
        self.bytes.withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count)) }
    }

    /// `host:port`, with brackets around an IPv6 address.
    package var description: String {
        self.family == AF_INET6 ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }

    private static func family(of bytes: [UInt8]) -> Int32 {
        bytes.withUnsafeBytes { raw in
            guard raw.count >= MemoryLayout<sockaddr>.size else { return -1 }
            return Int32(raw.loadUnaligned(as: sockaddr.self).sa_family)
        }
    }
}
