/// Sends the same key to the same instance, and moves few keys when instances come and go.
///
/// Each instance has many points on a ring, by a hash of its id; a key belongs to the next point. When an instance
/// leaves, only its own keys move, unless it had the least weight: others have points in proportion to that. The load is bounded: an instance with more calls under way than
/// ``loadFactor`` times its share is passed over for the next on the ring (Mirrokni, Thorup, Zadimoghaddam,
/// "Consistent Hashing with Bounded Loads", 2018); only calls by `withInstance` and ``InstanceCall`` count for that. A
/// call without a key goes anywhere on the ring, at random.
public struct ConsistentHashBalancer: Balancer {
    /// The points of an instance of weight 1 on the ring, as long as there are at most 8,192 instances.
    ///
    /// Shares deviate by one over the square root of it: a sixteenth.
    public static let pointsPerInstance = 256

    /// The most calls under way for one instance, as a multiple of its share; infinity for no bound.
    public let loadFactor: Double

    struct Table: BalancerTable {
        let ring: HashRing
        let statistics: [InstanceStatistics]
        let loadFactor: Double
        let weights: [Double]
        let totalWeight: Double

        func pick(_ request: PickRequest) -> Int {
            let hash = request.key.map { KeyHash.hash($0) } ?? request.random
            var place = self.ring.place(of: hash)
            var index = self.ring.owner(at: place)
            var rest = request.attempt
            // One that has a single call or none never has too many, so that the sum is needed under load only.
            guard rest > 0 || self.statistics[index].outstanding > 1 else { return index }
            let sum = self.loadFactor.isFinite ? self.statistics.reduce(1) { $0 + $1.outstanding } : 0
            guard rest > 0 || self.isOverloaded(index, of: sum) else { return index }
            // Over the ring once at most; whoever comes first is taken when all have too much to do.
            let first = index
            for _ in 0..<self.ring.count {
                place = self.ring.place(after: place)
                let next = self.ring.owner(at: place)
                guard next != index else { continue }
                index = next
                if rest > 0 { rest -= 1 }
                if rest == 0, !self.isOverloaded(index, of: sum) { return index }
            }
            return first
        }

        /// Whether an instance has more calls under way than its weight's share of all, this one counted, allows.
        private func isOverloaded(_ index: Int, of sum: Int) -> Bool {
            let outstanding = self.statistics[index].outstanding
            guard outstanding > 1, self.loadFactor.isFinite else { return false }
            let share = Double(sum) * self.weights[index] / self.totalWeight
            return Double(outstanding) >= (share * self.loadFactor).rounded(.up)
        }
    }

    /// Creates the balancer.
    ///
    /// - Parameter loadFactor: The most calls under way for one instance, as a multiple of its share; 1.25 by default,
    ///   at least 1.
    public init(loadFactor: Double = 1.25) {
        self.loadFactor = loadFactor.isNaN ? 1.25 : max(loadFactor, 1)
    }

    /// Makes the table for a service.
    public func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
        let weights = pool.instances.map { Double(max($0.weight, 1)) }
        return Table(
            ring: HashRing(pool.instances),
            statistics: pool.statistics,
            loadFactor: self.loadFactor,
            weights: weights,
            totalWeight: weights.reduce(0, +)
        )
    }
}

extension Balancer where Self == ConsistentHashBalancer {
    /// The same key to the same instance, within bounds of load.
    public static var consistentHash: ConsistentHashBalancer { ConsistentHashBalancer() }
}
