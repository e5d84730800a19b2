/// Takes two instances at random, and of these the one with fewer calls under way for its weight.
///
/// Two choices make the longest queue exponentially shorter than one (Mitzenmacher, "The Power of Two Choices in
/// Randomized Load Balancing", 2001), and unlike the least of all they do not send everybody to the same instance. Only
/// calls by `withInstance` and ``InstanceCall`` count.
public struct LeastOutstandingBalancer: Balancer {
    struct Table: BalancerTable {
        let pairs: PairChooser
        let statistics: [InstanceStatistics]
        let weights: [Int]

        func pick(_ request: PickRequest) -> Int {
            self.pairs.pick(request) { first, second in
                // (a + 1) / weight a against (b + 1) / weight b, without division; ties go to the first, at random.
                (self.statistics[second].outstanding &+ 1) &* self.weights[first]
                    < (self.statistics[first].outstanding &+ 1) &* self.weights[second]
            }
        }
    }

    /// Creates the balancer.
    public init() {}

    /// Makes the table for a service.
    public func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
        Table(
            pairs: PairChooser(count: pool.instances.count),
            statistics: pool.statistics,
            weights: pool.instances.map { max($0.weight, 1) }
        )
    }
}

extension Balancer where Self == LeastOutstandingBalancer {
    /// Of two at random the one with fewer calls under way for its weight.
    public static var leastOutstanding: LeastOutstandingBalancer { LeastOutstandingBalancer() }
}

/// Takes two different places at random.
struct PairChooser: Sendable {
    let count: Int

    @inline(__always)
    func pick(_ request: PickRequest, isSecondBetter: (Int, Int) -> Bool) -> Int {
        guard self.count > 1 else { return 0 }
        let first = request.random.scaled(to: self.count)
        var second = SplitMix64.mix(request.random).scaled(to: self.count - 1)
        if second >= first { second += 1 }
        return isSecondBetter(first, second) ? second : first
    }
}
