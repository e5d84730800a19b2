import Synchronization

/// A small, fast generator: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014), seeded by the system's.
///
/// The system's own costs hundreds of nanoseconds a number, which is more than all the rest of a pick.
package struct SplitMix64: RandomNumberGenerator, Sendable {
    static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private var state: UInt64

    /// Creates a generator; without a seed, no two give the same numbers.
    package init(seed: UInt64 = .random(in: .min ... .max)) {
        self.state = seed
    }

    package mutating func next() -> UInt64 {
        self.state &+= Self.increment
        return Self.mix(self.state)
    }

    static func mix(_ state: UInt64) -> UInt64 {
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// The same numbers for many tasks at once, without a lock: the generator's state is a mere counter.
package final class SharedSplitMix64: Sendable {
    private let state: Atomic<UInt64>

    /// Creates a generator; without a seed, no two give the same numbers.
    package init(seed: UInt64 = .random(in: .min ... .max)) {
        self.state = Atomic(seed)
    }

    /// The next number.
    package func next() -> UInt64 {
        SplitMix64.mix(self.state.wrappingAdd(SplitMix64.increment, ordering: .relaxed).newValue)
    }
}
