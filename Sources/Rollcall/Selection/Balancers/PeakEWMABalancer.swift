/// Takes two instances at random, and of these the one that is expected to answer sooner.
///
/// Expected is the moving average of latencies, times the calls under way and this one, divided by the weight. The
/// average rises at once with a slow answer and falls slowly (Finagle's "peak EWMA"). An instance of which nothing is
/// known yet is expected to be as fast as can be, but for the calls that it has. One call in 128 goes to any instance, so
/// that one that was slow is not forgotten. Only calls by `withInstance` and
/// ``InstanceCall`` count.
public struct PeakEWMABalancer: Balancer {
    struct Table: BalancerTable {
        let pairs: PairChooser
        let statistics: [InstanceStatistics]
        let weights: [Double]

        func pick(_ request: PickRequest) -> Int {
            // An average falls with calls only: without one now and then, who was slow once would stay so for good.
            if request.random & 127 == 0 { return request.random.scaled(to: self.pairs.count) }
            return self.pairs.pick(request) { first, second in
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
