/// Keeps calls in one zone as long as enough of its instances may be chosen, and lets the rest overflow.
///
/// As long as the share of the zone's registered instances that may be chosen is at least ``enough``, every call stays.
/// Below, as many calls leave as the zone is short of: at half of `enough`, half of them. The default leaves the zone
/// when more than three in ten of its instances are gone, as Envoy's overprovisioning factor of 1.4 does.
public struct ZonePreferenceBalancer: Balancer {
    /// The zone to stay in.
    public let zone: String
    /// Which share of the zone's instances must be there for all calls to stay, above 0 and at most 1.
    public let enough: Double
    private let base: any Balancer

    private struct Table: BalancerTable {
        let near: Part?
        let far: Part?
        /// Up to which random number a call stays.
        let threshold: UInt64

        func pick(_ request: PickRequest) -> Int {
            // Other bits than those that the base goes by.
            let stays = SplitMix64.mix(request.random ^ SplitMix64.increment) <= self.threshold
            let part = stays ? self.near ?? self.far : self.far ?? self.near
            return part?.pick(request) ?? 0
        }
    }

    /// Instances of a pool, and the base's table of them.
    private struct Part: Sendable {
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
    ///   - zone: The zone to stay in.
    ///   - base: How to choose within the zone, and beyond it.
    ///   - enough: Which share of the zone's instances must be there for all calls to stay; 0.7 by default.
    public init(_ zone: String, base: any Balancer = .random, enough: Double = 0.7) {
        self.zone = zone
        self.base = base
        self.enough = enough.isNaN ? 0.7 : min(max(enough, 0.01), 1)
    }

    /// Makes the table for a service.
    public func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
        let isNear = pool.instances.map { $0.zone == self.zone }
        let former = former as? Table
        let near = self.part(of: pool, pool.instances.indices.filter { isNear[$0] }, replacing: former?.near)
        let far = self.part(of: pool, pool.instances.indices.filter { !isNear[$0] }, replacing: former?.far)
        let registered = pool.registered.count { $0.zone == self.zone }
        let share = registered == 0 ? 0 : Double(near?.indices.count ?? 0) / Double(registered)
        let stays = min(share / self.enough, 1)
        return Table(near: near, far: far, threshold: stays >= 1 ? .max : UInt64(stays * 0x1p63) << 1)
    }

    private func part(of pool: SelectionPool, _ indices: [Int], replacing former: Part?) -> Part? {
        guard !indices.isEmpty else { return nil }
        return Part(indices: indices, table: self.base.table(for: pool.part(indices), replacing: former?.table))
    }
}

extension Balancer where Self == ZonePreferenceBalancer {
    /// In one zone as long as that has enough instances.
    ///
    /// - Parameters:
    ///   - zone: The zone to stay in.
    ///   - base: How to choose within the zone, and beyond it.
    /// - Returns: The balancer.
    public static func zone(_ zone: String, base: any Balancer = .random) -> ZonePreferenceBalancer {
        ZonePreferenceBalancer(zone, base: base)
    }
}
