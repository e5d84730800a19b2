package import Rollcall

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the system's resolver says of a name.
package enum Resolution: Hashable, Sendable {
    /// It has these addresses, at least one.
    case addresses([SocketAddress])
    /// It does not exist.
    case noSuchName
    /// The resolver cannot tell now; why is what stands here.
    case unknown(String)

    /// Asks the system's resolver, which blocks: only for a thread of its own.
    ///
    /// - Parameter origin: The host to ask for, and the port that its addresses get.
    /// - Returns: What it says.
    package static func of(_ origin: Origin) -> Resolution {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = SystemCalls.stream
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(origin.host, String(origin.port), &hints, &list)
        if status == EAI_NONAME { return .noSuchName }
        guard status == 0 else {
            return .unknown("\(origin.host): \(gai_strerror(status).map { String(cString: $0) } ?? "no address")")
        }
        defer { freeaddrinfo(list) }
        let addresses = sequence(first: list, next: { $0?.pointee.ai_next }).compactMap { entry -> SocketAddress? in
            guard let entry, let address = entry.pointee.ai_addr else { return nil }
            let bytes = UnsafeRawBufferPointer(start: address, count: Int(entry.pointee.ai_addrlen))
            return SocketAddress(bytes: Array(bytes))
        }
        return addresses.isEmpty ? .unknown("\(origin.host): no address") : .addresses(addresses)
    }
}
