import Synchronization

/// A policy for choosing one of several instances.
///
/// A balancer makes a ``BalancerTable`` of the instances of one service each time they change, and every choice is
/// a read of that table. What must survive a change, it takes from the former table.
public protocol Balancer: Sendable {
    /// Makes the table for a service.
    ///
    /// - Parameters:
    ///   - instances: What may be chosen, at least one, in order of ids.
    ///   - former: The table that this one replaces, made by the same balancer for the same service.
    /// - Returns: The table.
    func table(for instances: [ServiceInstance], replacing former: (any BalancerTable)?) -> any BalancerTable
}

/// The choice among the instances that the table was made for.
public protocol BalancerTable: Sendable {
    /// Chooses one. Called from many threads at once; it must neither block nor allocate.
    ///
    /// - Parameter request: What the choice may depend on.
    /// - Returns: The index of the chosen instance.
    func pick(_ request: PickRequest) -> Int
}

/// What a choice may depend on.
public struct PickRequest: Sendable {
    /// What the caller groups calls by, such as a user's id.
    public var key: String?
    /// 64 random bits, new for each choice.
    public var random: UInt64

    /// Creates a request.
    public init(key: String? = nil, random: UInt64) {
        self.key = key
        self.random = random
    }
}

extension Balancer where Self == RandomBalancer {
    /// Each instance with the same probability, whatever was chosen before.
    public static var random: RandomBalancer { RandomBalancer() }
}

extension Balancer where Self == RoundRobinBalancer {
    /// One after the other, in order of ids, from the first.
    public static var roundRobin: RoundRobinBalancer { RoundRobinBalancer() }
}

/// Chooses each instance with the same probability.
public struct RandomBalancer: Balancer {
    private struct Table: BalancerTable {
        let count: UInt64

        func pick(_ request: PickRequest) -> Int {
            // The upper half of the product spreads 64 bits over the range with a bias below 2^-50
            // (Lemire, "Fast Random Integer Generation in an Interval", 2019).
            Int(self.count.multipliedFullWidth(by: request.random).high)
        }
    }

    /// Creates the balancer.
    public init() {}

    /// Makes the table for a service.
    public func table(for instances: [ServiceInstance], replacing former: (any BalancerTable)?) -> any BalancerTable {
        Table(count: UInt64(instances.count))
    }
}

/// Chooses one instance after the other, from the first.
///
/// The turn survives a change of the instances.
public struct RoundRobinBalancer: Balancer {
    private final class Turn: Sendable {
        let next = Atomic<UInt>(0)
    }

    private struct Table: BalancerTable {
        let turn: Turn
        let count: UInt

        func pick(_ request: PickRequest) -> Int {
            Int(self.turn.next.wrappingAdd(1, ordering: .relaxed).oldValue % self.count)
        }
    }

    /// Creates the balancer.
    public init() {}

    /// Makes the table for a service.
    public func table(for instances: [ServiceInstance], replacing former: (any BalancerTable)?) -> any BalancerTable {
        Table(turn: (former as? Table)?.turn ?? Turn(), count: UInt(instances.count))
    }
}
