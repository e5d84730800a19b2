/// Chooses among a few instances only, always the same for this caller as long as they are there.
///
/// For services with very many instances, so that no caller keeps connections to all of them. Which ones follows from a
/// hash of caller and instance (rendezvous hashing): when one leaves, just that one is replaced.
public struct SubsetBalancer: Balancer {
    /// How many instances to choose among.
    public let size: Int
    /// Who calls; callers with different names have different subsets.
    public let caller: String
    private let base: any Balancer

    private struct Table: BalancerTable {
        let indices: [Int]
        let table: any BalancerTable

        func pick(_ request: PickRequest) -> Int {
            let index = self.table.pick(request)
            return self.indices.indices.contains(index) ? self.indices[index] : self.indices[0]
        }
    }

    /// Creates the balancer.
    ///
    /// - Parameters:
    ///   - size: How many instances to choose among; less than 1 is taken as 1.
    ///   - caller: Who calls, such as the id of this process's own instance; by default the name of this machine.
    ///   - base: How to choose among them.
    public init(size: Int, caller: String = ServiceInstance.localHostName, base: any Balancer = .random) {
        self.size = max(size, 1)
        self.caller = caller
        self.base = base
    }

    /// Makes the table for a service.
    public func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
        let seed = KeyHash.hash(self.caller)
        let ranked = pool.instances.indices
            .map { (rank: SplitMix64.mix(seed ^ KeyHash.hash(pool.instances[$0].id.text)), index: $0) }
            .sorted { $0.rank != $1.rank ? $0.rank > $1.rank : $0.index < $1.index }
        let indices = ranked.prefix(self.size).map(\.index).sorted()
        let table = self.base.table(for: pool.part(indices), replacing: (former as? Table)?.table)
        return Table(indices: indices, table: table)
    }
}

extension Balancer where Self == SubsetBalancer {
    /// Among a few instances, always the same for this caller.
    ///
    /// - Parameters:
    ///   - size: How many.
    ///   - base: How to choose among them.
    /// - Returns: The balancer.
    public static func subset(_ size: Int, base: any Balancer = .random) -> SubsetBalancer {
        SubsetBalancer(size: size, base: base)
    }
}
