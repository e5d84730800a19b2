/// Chooses each instance with the same probability, whatever was chosen before.
public struct RandomBalancer: Balancer {
    struct Table: BalancerTable {
        let count: Int

        func pick(_ request: PickRequest) -> Int { request.random.scaled(to: self.count) }
    }

    /// Creates the balancer.
    public init() {}

    /// Makes the table for a service.
    public func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
        Table(count: pool.instances.count)
    }
}

extension Balancer where Self == RandomBalancer {
    /// Each instance with the same probability, whatever was chosen before.
    public static var random: RandomBalancer { RandomBalancer() }
}
