/// A policy for choosing one of several instances.
///
/// A balancer makes a ``BalancerTable`` of the instances of one service each time they change, and every choice is
/// a read of that table. What must survive a change, it takes from the former table.
public protocol Balancer: Sendable {
    /// Makes the table for a service.
    ///
    /// - Parameters:
    ///   - pool: What may be chosen, at least one instance, in order of ids.
    ///   - former: The table that this one replaces, made by the same balancer for the same service.
    /// - Returns: The table.
    func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable
}

/// The choice among the instances that the table was made for.
public protocol BalancerTable: Sendable {
    /// Chooses one. Called from many threads at once; it must neither block nor allocate.
    ///
    /// - Parameter request: What the choice may depend on.
    /// - Returns: The index of the chosen instance in the pool.
    func pick(_ request: PickRequest) -> Int
}

/// What a choice may depend on.
public struct PickRequest: Sendable {
    /// What the caller groups calls by, such as a user's id.
    public var key: String?
    /// 64 random bits, new for each choice.
    public var random: UInt64
    /// How many choices of the same call were of no use, because the instance was tried already or is held back.
    ///
    /// A balancer that goes by the key alone must give another instance for another attempt.
    public var attempt: Int

    /// Creates a request.
    public init(key: String? = nil, random: UInt64, attempt: Int = 0) {
        self.key = key
        self.random = random
        self.attempt = attempt
    }
}

/// The instances that a balancer chooses from, and what is known of them.
public struct SelectionPool: Sendable {
    /// What may be chosen, in order of ids.
    public let instances: [ServiceInstance]
    /// What calls told of each of them, in the same order.
    public let statistics: [InstanceStatistics]
    /// All that is registered, also what may not be chosen now; in order of ids.
    public let registered: [ServiceInstance]

    /// Creates a pool.
    ///
    /// - Parameters:
    ///   - instances: What may be chosen, in order of ids.
    ///   - statistics: What calls told of each; by default nothing yet.
    ///   - registered: All that is registered; by default the same instances.
    public init(
        instances: [ServiceInstance],
        statistics: [InstanceStatistics]? = nil,
        registered: [ServiceInstance]? = nil
    ) {
        self.instances = instances
        let known = statistics ?? []
        self.statistics = known.count == instances.count ? known : instances.map { _ in InstanceStatistics() }
        self.registered = registered ?? instances
    }

    /// The same with copies of the instances, of which no other thread counts references.
    ///
    /// Handing out an instance counts a reference; two threads that do so for the same one wait for each other's caches.
    var unshared: SelectionPool {
        guard self.instances.count <= 4096 else { return self }
        return SelectionPool(
            instances: self.instances.map(\.copy),
            statistics: self.statistics,
            registered: self.registered
        )
    }

    /// The part of the pool at `indices`.
    func part(_ indices: [Int]) -> SelectionPool {
        SelectionPool(
            instances: indices.map { self.instances[$0] },
            statistics: indices.map { self.statistics[$0] },
            registered: self.registered
        )
    }
}

extension UInt64 {
    /// Spreads the bits of a random number evenly over `0..<count`.
    ///
    /// The upper half of the product has a bias below 2^-40 for a million (Lemire, "Fast Random Integer Generation in
    /// an Interval", 2019).
    @inline(__always)
    func scaled(to count: Int) -> Int {
        Int(truncatingIfNeeded: UInt64(truncatingIfNeeded: count).multipliedFullWidth(by: self).high)
    }
}
