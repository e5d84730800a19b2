/// Takes two instances at random, and of these the one that is expected to answer sooner.
///
/// Expected is the moving average of latencies, times the calls under way and this one, divided by the weight. The
/// average rises at once with a slow answer and falls slowly (Finagle's "peak EWMA"). An instance of which nothing is
/// known yet is expected to be as fast as can be, but for the calls that it has. Only calls by `withInstance` and
/// ``InstanceCall`` count.
public struct PeakEWMABalancer: Balancer {
    struct Table: BalancerTable {
        let pairs: PairChooser
        let statistics: [InstanceStatistics]
        let weights: [Double]

        func pick(_ request: PickRequest) -> Int {
            self.pairs.pick(request) { first, second in
                self.statistics[second].expectedNanoseconds * self.weights[first]
                    < self.statistics[first].expectedNanoseconds * self.weights[second]
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
            weights: pool.instances.map { Double(max($0.weight, 1)) }
        )
    }
}

extension Balancer where Self == PeakEWMABalancer {
    /// Of two at random the one that is expected to answer sooner.
    public static var peakEWMA: PeakEWMABalancer { PeakEWMABalancer() }
}
