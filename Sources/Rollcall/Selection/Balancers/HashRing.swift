/// The points of a consistent hash, found in constant time.
///
/// Points are in order, and a directory by their upper bits says where to begin, so that on average two are looked at.
struct HashRing: Sendable {
    /// The most points on a ring, unless there are more instances.
    private static let maximumPoints = 1 << 21

    private let points: [UInt64]
    private let owners: [UInt32]
    /// For each value of the upper bits the first place that is not below.
    private let directory: [UInt32]
    private let shift: UInt64

    /// Makes the ring; an instance has points by its weight, those of weight 0 as those of weight 1.
    init(_ instances: [ServiceInstance]) {
        let counts = Self.pointCounts(instances)
        let total = counts.reduce(0, +)
        let bits = max(1, UInt64.bitWidth - (max(total, 2) - 1).leadingZeroBitCount)
        let shift = UInt64(UInt64.bitWidth - bits)
        // Points are spread evenly, so that one pass puts nearly each where it belongs: a slot of the directory has about
        // one, and the order within it is made by insertion.
        var directory = Self.starts(instances, counts, shift: shift, slots: 1 << bits)
        let starts = directory
        var points = [UInt64](repeating: 0, count: total)
        var owners = [UInt32](repeating: 0, count: total)
        for (index, instance) in instances.enumerated() {
            var generator = Self.generator(of: instance)
            for _ in 0..<counts[index] {
                let point = generator.next()
                let slot = Int(truncatingIfNeeded: point >> shift)
                var place = Int(directory[slot])
                directory[slot] += 1
                while place > Int(starts[slot]), points[place - 1] > point {
                    (points[place], owners[place]) = (points[place - 1], owners[place - 1])
                    place -= 1
                }
                (points[place], owners[place]) = (point, UInt32(index))
            }
        }
        (self.points, self.owners, self.directory, self.shift) = (points, owners, starts, shift)
    }

    /// For each value of the upper bits how many points are below all that have it.
    private static func starts(
        _ instances: [ServiceInstance],
        _ counts: [Int],
        shift: UInt64,
        slots: Int
    ) -> [UInt32] {
        var starts = [UInt32](repeating: 0, count: slots)
        for (index, instance) in instances.enumerated() {
            var generator = Self.generator(of: instance)
            for _ in 0..<counts[index] { starts[Int(truncatingIfNeeded: generator.next() >> shift)] += 1 }
        }
        var sum: UInt32 = 0
        for slot in starts.indices { (starts[slot], sum) = (sum, sum + starts[slot]) }
        return starts
    }

    /// A generator seeded by the id gives an instance's points: the same on every machine, whoever else is there.
    private static func generator(of instance: ServiceInstance) -> SplitMix64 {
        SplitMix64(seed: KeyHash.hash(instance.id.text))
    }

    /// How many points there are.
    var count: Int { self.points.count }

    /// The place of the first point that is not below `hash`, or of the first of all behind the last.
    @inline(__always)
    func place(of hash: UInt64) -> Int {
        var place = Int(self.directory[Int(truncatingIfNeeded: hash >> self.shift)])
        while place < self.points.count, self.points[place] < hash { place += 1 }
        return place == self.points.count ? 0 : place
    }

    /// The place behind another.
    func place(after place: Int) -> Int { place + 1 == self.points.count ? 0 : place + 1 }

    /// Whose point is at a place.
    @inline(__always)
    func owner(at place: Int) -> Int { Int(self.owners[place]) }

    private static func pointCounts(_ instances: [ServiceInstance]) -> [Int] {
        let weights = instances.map { max($0.weight, 1) }
        let least = weights.min() ?? 1
        let sum = weights.reduce(0) { $0 + Double($1) / Double(least) }
        let each = min(Double(ConsistentHashBalancer.pointsPerInstance), Double(Self.maximumPoints) / sum)
        return weights.map { max(1, Int((each * Double($0) / Double(least)).rounded())) }
    }
}

/// A hash of texts that is the same in every process and on every machine.
enum KeyHash {
    /// Hashes the UTF-8 of a text: eight bytes at a time, each multiplied into 128 bits that are folded.
    ///
    /// It spreads well and is fast; it does not withstand somebody who looks for collisions.
    @inline(__always)
    static func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { Self.hash(UnsafeRawBufferPointer($0)) }
    }

    @inline(__always)
    static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state = Self.fold(SplitMix64.increment ^ UInt64(truncatingIfNeeded: bytes.count), 0xE703_7ED1_A0B4_28DB)
        var offset = 0
        while offset + 8 <= bytes.count {
            let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
            state = Self.fold(state ^ word, 0x8EBC_6AF0_9C88_C6E3)
            offset += 8
        }
        var tail: UInt64 = 0
        var width: UInt64 = 0
        while offset < bytes.count {
            tail |= UInt64(bytes[offset]) << width
            (offset, width) = (offset + 1, width + 8)
        }
        return SplitMix64.mix(Self.fold(state ^ tail, 0x5896_36A5_6BF7_1C2D))
    }

    @inline(__always)
    private static func fold(_ first: UInt64, _ second: UInt64) -> UInt64 {
        let product = first.multipliedFullWidth(by: second)
        return product.high ^ product.low
    }
}
