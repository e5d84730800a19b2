public import Rollcall

/// Where the hub may make calls of its own, which strangers choose the addresses of: the first rule that fits decides.
public struct OutgoingRules: Sendable {
    /// A range of addresses, and whether it may be called.
    public struct Rule: Hashable, Sendable {
        let isAllowed: Bool
        private let prefix: [UInt8]
        private let bits: Int

        /// Reads a range such as `169.254.0.0/16` or `fe80::/10`.
        ///
        /// - Throws: A ``ValidationError`` for what is none.
        public init(_ range: String, isAllowed: Bool) throws(ValidationError) {
            let parts = range.split(separator: "/", omittingEmptySubsequences: false)
            guard let host = parts.first, let address = SocketAddress(host: String(host), port: 0),
                let bits = parts.count == 2 ? Int(parts[1]) : address.addressBytes.count * 8, parts.count <= 2,
                (0...address.addressBytes.count * 8).contains(bits)
            else {
                throw ValidationError(
                    field: "rule",
                    message: "\(range.quotedForDisplay) is not a range of addresses such as 10.0.0.0/8"
                )
            }
            self.isAllowed = isAllowed
            self.prefix = address.addressBytes
            self.bits = bits
        }

        /// Whether an address lies in the range.
        func covers(_ address: [UInt8]) -> Bool {
            guard address.count == self.prefix.count else { return false }
            let (whole, rest) = (self.bits / 8, self.bits % 8)
            guard address[..<whole].elementsEqual(self.prefix[..<whole]) else { return false }
            guard rest > 0 else { return true }
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> rest)
            return address[whole] & mask == self.prefix[whole] & mask
        }
    }

    private let rules: [Rule]

    /// Takes rules in their order; what none covers is allowed.
    public init(_ rules: [Rule]) {
        self.rules = rules
    }

    /// Everything but link-local addresses and those at which clouds serve credentials to whoever asks: AWS, Azure and
    /// Google at 169.254.169.254, AWS at fd00:ec2::254, Alibaba at 100.100.100.200, Oracle at 192.0.0.192; and what is
    /// no address of one machine.
    public static let standard: OutgoingRules = {
        let refused = [
            "169.254.0.0/16", "fe80::/10", "fd00:ec2::/32", "100.100.100.200", "192.0.0.192", "0.0.0.0/8", "::/128",
            "224.0.0.0/3", "ff00::/8",
        ]
        return OutgoingRules(refused.compactMap { try? Rule($0, isAllowed: false) })
    }()

    /// These rules behind others, which decide first.
    public func preceded(by rules: [Rule]) -> OutgoingRules {
        OutgoingRules(rules + self.rules)
    }

    /// Whether an address may be called.
    @Sendable
    package func permits(_ address: SocketAddress) -> Bool {
        var bytes = address.addressBytes
        // An IPv4 address in the clothes of IPv6 (RFC 4291 section 2.5.5.2) reaches the same machine.
        if bytes.count == 16, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
            bytes = Array(bytes[12...])
        }
        return self.rules.first { $0.covers(bytes) }?.isAllowed ?? true
    }
}
