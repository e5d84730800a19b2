import Synchronization

/// Chooses one instance after the other, in order of ids, from the first.
///
/// Each service has a turn of its own, which survives a change of the instances.
public struct RoundRobinBalancer: Balancer {
    struct Table: BalancerTable {
        let turn: Turn
        let count: UInt

        func pick(_ request: PickRequest) -> Int { Int(self.turn.take() % self.count) }
    }

    /// Creates the balancer.
    public init() {}

    /// Makes the table for a service.
    public func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
        Table(turn: (former as? Table)?.turn ?? Turn(), count: UInt(pool.instances.count))
    }
}

extension Balancer where Self == RoundRobinBalancer {
    /// One after the other, in order of ids, from the first.
    public static var roundRobin: RoundRobinBalancer { RoundRobinBalancer() }
}

/// Whose turn it is, shared by tables that replace each other.
final class Turn: Sendable {
    private let next = Atomic<UInt>(0)

    @inline(__always)
    func takeAlone() -> UInt {
        let turn = self.next.load(ordering: .relaxed)
        self.next.store(turn &+ 1, ordering: .relaxed)
        return turn
    }

    @inline(__always)
    func take() -> UInt { self.next.wrappingAdd(1, ordering: .relaxed).oldValue }
}
