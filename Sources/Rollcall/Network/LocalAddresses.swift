#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The addresses under which others reach this machine.
public enum LocalAddresses {
    /// Lists the addresses of this machine, the one to announce first.
    ///
    /// Private IPv4 addresses come first, then other IPv4 ones, then private and other IPv6 ones; among equals those of
    /// the interface that the system numbered first. Loopback and link-local addresses and interfaces that are down are
    /// left out.
    ///
    /// - Returns: At least one address in digits, IPv6 without brackets.
    /// - Throws: `notFound` when there is none; `unavailable` when the system does not tell.
    public static func all() throws(BackendError) -> [String] {
        let addresses = self.ordered(try self.candidates())
        guard !addresses.isEmpty else {
            throw BackendError(
                .notFound,
                "this machine has no address but loopback and link-local ones; join a network, or name the address"
            )
        }
        return addresses
    }

    /// Tells the address to announce.
    ///
    /// - Returns: The first of ``all()``.
    /// - Throws: What ``all()`` throws.
    public static func preferred() throws(BackendError) -> String {
        try self.all()[0]
    }

    /// An address of an interface that is up.
    struct Candidate: Hashable {
        /// The system's number of the interface.
        var interface: UInt32
        /// The address; its port means nothing.
        var address: SocketAddress
    }

    /// What others can reach, each once, the best first.
    static func ordered(_ candidates: [Candidate]) -> [String] {
        let ranked = candidates.compactMap { candidate in
            self.rank(candidate.address).map { (rank: $0, candidate: candidate) }
        }
        let sorted = ranked.sorted { lhs, rhs in
            if lhs.rank != rhs.rank { return lhs.rank < rhs.rank }
            if lhs.candidate.interface != rhs.candidate.interface {
                return lhs.candidate.interface < rhs.candidate.interface
            }
            return lhs.candidate.address.addressBytes.lexicographicallyPrecedes(rhs.candidate.address.addressBytes)
        }
        var seen: Set<String> = []
        return sorted.map(\.candidate.address.host).filter { seen.insert($0).inserted }
    }

    /// How good an address is, the lower the better; `nil` for one that others cannot reach.
    private static func rank(_ address: SocketAddress) -> Int? {
        let bytes = address.addressBytes
        guard address.family == AF_INET else {
            let isLoopback = bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] <= 1
            let isLinkLocal = bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80
            guard !isLoopback, !isLinkLocal, bytes[0] != 0xFF else { return nil }
            // Unique local addresses, RFC 4193.
            return bytes[0] & 0xFE == 0xFC ? 2 : 3
        }
        switch (bytes[0], bytes[1]) {
        case (0, _), (127, _), (169, 254), (224..., _): return nil
        case (10, _), (172, 16...31), (192, 168): return 0
        default: return 1
        }
    }

    private static func candidates() throws(BackendError) -> [Candidate] {
        var head: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&head) == 0 else {
            throw BackendError(.unavailable, "the addresses of this machine cannot be listed: \(SystemFailure())")
        }
        defer { freeifaddrs(head) }
        let needed = UInt32(IFF_UP) | UInt32(IFF_RUNNING)
        var candidates: [Candidate] = []
        var next = head
        while let entry = next?.pointee {
            next = entry.ifa_next
            guard let pointer = entry.ifa_addr, UInt32(entry.ifa_flags) & needed == needed,
                UInt32(entry.ifa_flags) & UInt32(IFF_LOOPBACK) == 0
            else { continue }
            let size =
                switch Int32(pointer.pointee.sa_family) {
                case AF_INET: MemoryLayout<sockaddr_in>.size
                case AF_INET6: MemoryLayout<sockaddr_in6>.size
                default: 0
                }
            guard let address = SocketAddress(bytes: Array(UnsafeRawBufferPointer(start: pointer, count: size))) else {
                continue
            }
            candidates.append(Candidate(interface: if_nametoindex(entry.ifa_name), address: address))
        }
        return candidates
    }
}
