/// The one-time authenticator of RFC 8439 section 2.5.
///
/// Nothing here branches on a secret or looks anything up by one.
struct Poly1305 {
    /// A number in pieces of 26 bits, so that sums of products of them fit 64.
    private struct Limbs {
        static let mask: UInt64 = 0x3FF_FFFF

        var p0, p1, p2, p3, p4: UInt64

        init(_ number: UInt128) {
            self.p0 = UInt64(truncatingIfNeeded: number) & Self.mask
            self.p1 = UInt64(truncatingIfNeeded: number &>> 26) & Self.mask
            self.p2 = UInt64(truncatingIfNeeded: number &>> 52) & Self.mask
            self.p3 = UInt64(truncatingIfNeeded: number &>> 78) & Self.mask
            self.p4 = UInt64(truncatingIfNeeded: number &>> 104) & Self.mask
        }

        /// Modulo 2^128.
        var number: UInt128 {
            let low = UInt128(self.p0) | UInt128(self.p1) &<< 26
            let middle = UInt128(self.p2) &<< 52 | UInt128(self.p3) &<< 78
            return low | middle | UInt128(self.p4) &<< 104
        }

        /// Brings each piece but the last to 26 bits and returns what is above those of the last.
        mutating func carry() -> UInt64 {
            self.p1 &+= self.p0 &>> 26
            self.p0 &= Self.mask
            self.p2 &+= self.p1 &>> 26
            self.p1 &= Self.mask
            self.p3 &+= self.p2 &>> 26
            self.p2 &= Self.mask
            self.p4 &+= self.p3 &>> 26
            self.p3 &= Self.mask
            let above = self.p4 &>> 26
            self.p4 &= Self.mask
            return above
        }

        /// Brings the number below 2^130 and a little, modulo 2^130 - 5.
        mutating func reduce() {
            self.p0 &+= self.carry() &* 5
            self.p1 &+= self.p0 &>> 26
            self.p0 &= Self.mask
        }
    }

    private let factor: Limbs
    private let end: UInt128
    private var sum = Limbs(0)

    /// Takes a key of 32 bytes, for one message only.
    init(key: ArraySlice<UInt8>) {
        let clamp: UInt128 = 0x0FFF_FFFC_0FFF_FFFC_0FFF_FFFC_0FFF_FFFF
        self.factor = Limbs(Self.number(key.prefix(16)) & clamp)
        self.end = Self.number(key.dropFirst(16))
    }

    /// Takes the next piece of the message; every piece but the last has whole blocks of 16 bytes.
    mutating func add(_ bytes: ArraySlice<UInt8>) {
        for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 16) {
            let block = bytes[start..<min(start + 16, bytes.endIndex)]
            // A one stands behind the bytes of each block.
            var number = Self.number(block)
            if block.count < 16 { number |= 1 &<< UInt128(block.count * 8) }
            self.addBlock(Limbs(number), above: block.count == 16 ? 1 &<< 24 : 0)
        }
    }

    /// Takes a piece of the message, filled up to whole blocks with zeros.
    mutating func addPadded(_ bytes: ArraySlice<UInt8>) {
        let whole = bytes.count & ~15
        self.add(bytes.prefix(whole))
        let rest = bytes.dropFirst(whole)
        if !rest.isEmpty { self.add(rest + [UInt8](repeating: 0, count: 16 - rest.count)) }
    }

    /// The tag as a number, whose lowest byte is the first.
    consuming func tag() -> UInt128 {
        self.sum.reduce()
        self.sum.reduce()
        // From 2^130 - 5 on, five more is 2^130 and more: both results are made, and a mask chooses.
        var reduced = self.sum
        reduced.p0 &+= 5
        let isAbove = 0 &- UInt128(reduced.carry())
        return (reduced.number & isAbove | self.sum.number & ~isAbove) &+ self.end
    }

    /// Adds a block and multiplies the sum by the key's factor, modulo 2^130 - 5.
    private mutating func addBlock(_ block: Limbs, above: UInt64) {
        let (f, s0, s1) = (self.factor, self.sum.p0 &+ block.p0, self.sum.p1 &+ block.p1)
        let (s2, s3, s4) = (self.sum.p2 &+ block.p2, self.sum.p3 &+ block.p3, self.sum.p4 &+ block.p4 &+ above)
        // 2^130 is 5, so that what stands above comes back to the front times five.
        let (f1, f2, f3, f4) = (f.p1 &* 5, f.p2 &* 5, f.p3 &* 5, f.p4 &* 5)
        self.sum.p0 = Self.sum(s0 &* f.p0, s1 &* f4, s2 &* f3, s3 &* f2, s4 &* f1)
        self.sum.p1 = Self.sum(s0 &* f.p1, s1 &* f.p0, s2 &* f4, s3 &* f3, s4 &* f2)
        self.sum.p2 = Self.sum(s0 &* f.p2, s1 &* f.p1, s2 &* f.p0, s3 &* f4, s4 &* f3)
        self.sum.p3 = Self.sum(s0 &* f.p3, s1 &* f.p2, s2 &* f.p1, s3 &* f.p0, s4 &* f4)
        self.sum.p4 = Self.sum(s0 &* f.p4, s1 &* f.p3, s2 &* f.p2, s3 &* f.p1, s4 &* f.p0)
        self.sum.reduce()
    }

    private static func sum(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64) -> UInt64 {
        a &+ b &+ c &+ d &+ e
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt128 {
        bytes.reversed().reduce(0) { $0 &<< 8 | UInt128($1) }
    }
}
