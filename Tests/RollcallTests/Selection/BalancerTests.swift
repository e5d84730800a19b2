import Foundation
import Testing

@testable import Rollcall

/// The policies by themselves, with bounds that follow from what they promise.
@Suite("Balancers")
struct BalancerTests {
    /// Instances of which each has the weight that `weight` says.
    static func pool(
        _ count: Int,
        weight: (Int) -> Int = { _ in 1 },
        zone: (Int) -> String? = { _ in nil }
    ) throws -> SelectionPool {
        let service = try ServiceName("web")
        let instances = try (0..<count).map { number in
            try ServiceInstance(
                service: service,
                id: InstanceID(String(format: "i%05d", number)),
                endpoints: [Endpoint("http://10.0.0.1:8080")],
                zone: zone(number),
                weight: weight(number)
            )
        }
        return SelectionPool(instances: instances)
    }

    /// How often each place comes.
    static func counts(
        _ table: any BalancerTable,
        of size: Int,
        picks: Int,
        key: (Int) -> String? = { _ in nil },
        seed: UInt64 = 1
    ) -> [Int] {
        var generator = SplitMix64(seed: seed)
        var counts = [Int](repeating: 0, count: size)
        for number in 0..<picks {
            counts[table.pick(PickRequest(key: key(number), random: generator.next()))] += 1
        }
        return counts
    }

    @Test("random is uniform: chi-squared", arguments: [2, 10, 100, 1000])
    func uniform(_ size: Int) throws {
        let table = RandomBalancer().table(for: try Self.pool(size), replacing: nil)
        let picks = max(size * 100, 20_000)
        let counts = Self.counts(table, of: size, picks: picks)
        let expected = Double(picks) / Double(size)
        let squared = counts.reduce(0) { $0 + pow(Double($1) - expected, 2) / expected }
        // The mean is the number of degrees of freedom, the deviation the root of twice that; five of them is one in
        // three million, and the seed is fixed.
        let freedom = Double(size - 1)
        #expect(squared < freedom + 5 * (2 * freedom).squareRoot())
        #expect(squared > freedom - 5 * (2 * freedom).squareRoot())
    }

    @Test("round robin is exact", arguments: [1, 3, 10])
    func turns(_ size: Int) throws {
        let table = RoundRobinBalancer().table(for: try Self.pool(size), replacing: nil)
        let picked = (0..<size * 3).map { _ in table.pick(PickRequest(random: 0)) }
        #expect(picked == (0..<size * 3).map { $0 % size })
    }

    @Test(
        "smooth weighted round robin is exact within each turn, and spread",
        arguments: [[5, 1, 1], [1, 1, 1], [100, 50, 50], [3, 2, 7, 1], [1, 1000]]
    )
    func weighted(_ weights: [Int]) throws {
        let pool = try Self.pool(weights.count) { weights[$0] }
        let divisor =
            [5, 1, 1] == weights || weights == [3, 2, 7, 1] || weights == [1, 1000] ? 1 : weights.min() ?? 1
        let turn = weights.reduce(0, +) / divisor
        let table = WeightedBalancer().table(for: pool, replacing: nil)
        for _ in 0..<3 {
            let picked = (0..<turn).map { _ in table.pick(PickRequest(random: 0)) }
            for (index, weight) in weights.enumerated() {
                #expect(picked.count { $0 == index } == weight / divisor)
            }
            // However a turn is cut, an instance has not more than two places above its share.
            for (index, weight) in weights.enumerated() {
                var count = 0
                for (place, chosen) in picked.enumerated() {
                    count += chosen == index ? 1 : 0
                    let share = Double(weight) / Double(weights.reduce(0, +)) * Double(place + 1)
                    #expect(abs(Double(count) - share) <= 2)
                }
            }
        }
    }

    @Test("weights that are not small give shares within half a place, and nobody is left out")
    func hugeWeights() throws {
        let weights = [65535, 65521, 1, 40000]
        let places = WeightedBalancer.places(of: weights)
        #expect(abs(places.count - WeightedBalancer.maximumTurn) <= weights.count)
        for (index, weight) in weights.enumerated() {
            let ideal = Double(weight) / Double(weights.reduce(0, +)) * Double(WeightedBalancer.maximumTurn)
            let count = places.count { $0 == UInt32(index) }
            #expect(count >= 1)
            #expect(abs(Double(count) - ideal) <= 1)
        }
        #expect(WeightedBalancer.places(of: [0, 0]) == [0, 1] || WeightedBalancer.places(of: [0, 0]) == [1, 0])
        #expect(WeightedBalancer.places(of: [0, 2, 0]) == [1])
    }

    @Test("turns go on where they were when the instances change")
    func turnsSurvive() throws {
        for balancer: any Balancer in [.roundRobin, .weighted] {
            let first = balancer.table(for: try Self.pool(2), replacing: nil)
            let former = (0..<3).map { _ in first.pick(PickRequest(random: 0)) }
            let second = balancer.table(for: try Self.pool(4), replacing: first)
            // Three were taken: the next is the fourth.
            let next = second.pick(PickRequest(random: 0))
            let fresh = balancer.table(for: try Self.pool(4), replacing: nil)
            let expected = (0..<4).map { _ in fresh.pick(PickRequest(random: 0)) }[3]
            #expect(former.count == 3)
            #expect(next == expected)
        }
    }

    @Test("of two the one with fewer calls for its weight is taken")
    func leastOutstanding() throws {
        let pool = try Self.pool(2) { $0 == 0 ? 1 : 3 }
        let table = LeastOutstandingBalancer().table(for: pool, replacing: nil)
        for _ in 0..<2 { pool.statistics[0].beginCall() }
        for _ in 0..<6 { pool.statistics[1].beginCall() }
        // (2 + 1) / 1 against (6 + 1) / 3.
        #expect(Self.counts(table, of: 2, picks: 100) == [0, 100])
        for _ in 0..<3 { pool.statistics[1].beginCall() }
        // 3 against 10 / 3.
        #expect(Self.counts(table, of: 2, picks: 100) == [100, 0])
    }

    @Test("two choices keep the longest queue short: ten thousand calls that do not end")
    func twoChoices() throws {
        let pool = try Self.pool(100)
        let table = LeastOutstandingBalancer().table(for: pool, replacing: nil)
        var generator = SplitMix64(seed: 7)
        for _ in 0..<10_000 { pool.statistics[table.pick(PickRequest(random: generator.next()))].beginCall() }
        // The gap to the mean of 100 is about log2 log2 100 = 2.7; at random it would be about 30.
        let most = pool.statistics.map(\.outstanding).max() ?? 0
        #expect(most <= 106)
    }

    @Test("the faster of two gets the calls, until it has too many or becomes slow")
    func peakEWMA() throws {
        let pool = try Self.pool(2)
        let table = PeakEWMABalancer().table(for: pool, replacing: nil)
        let start = TimeSource.Instant(elapsed: .seconds(1))
        for (statistics, latency) in zip(pool.statistics, [Duration.milliseconds(10), .milliseconds(40)]) {
            statistics.beginCall()
            let end = start.advanced(by: latency)
            #expect(statistics.endCall(.success, trial: nil, began: start, at: end, nil) == .none)
        }
        // One in 128 goes to any.
        func preferred() -> Int { Self.counts(table, of: 2, picks: 1000)[0] > 900 ? 0 : 1 }
        #expect(preferred() == 0)
        // 10 ms × 5 is more than 40 ms × 1.
        for _ in 0..<4 { pool.statistics[0].beginCall() }
        #expect(preferred() == 1)
        let late = start.advanced(by: .seconds(1))
        for _ in 0..<4 { _ = pool.statistics[0].endCall(.success, trial: nil, began: start, at: late, nil) }
        // One slow answer counts at once: a second against 40 ms.
        #expect(preferred() == 1)
        #expect(Self.counts(table, of: 2, picks: 10_000)[0] > 10, "the slow one is not forgotten")
        #expect(pool.statistics[0].averageLatency == .seconds(1))
        #expect(pool.statistics[0].outstanding == 0)
    }

    @Test("a zone keeps its calls while enough of it is there, and lets what it is short of overflow")
    func zone() throws {
        // Ten in zone a, ten in zone b; of zone a as many may be chosen as are left.
        let all = try Self.pool(20, zone: { $0 < 10 ? "a" : "b" }).instances
        let balancer = ZonePreferenceBalancer("a", enough: 0.7)
        for (left, share) in [(10, 1.0), (7, 1.0), (5, 5 / 7.0), (1, 1 / 7.0), (0, 0)] {
            let usable = Array(all[..<left] + all[10...])
            let table = balancer.table(for: SelectionPool(instances: usable, registered: all), replacing: nil)
            let counts = Self.counts(table, of: usable.count, picks: 10_000)
            let near = Double(counts[..<left].reduce(0, +)) / 10_000
            // The deviation is at most 0.005.
            #expect(abs(near - share) < 0.03, "with \(left) left")
            #expect(counts.allSatisfy { $0 > 0 } || share == 1)
        }
        let only = try Self.pool(3, zone: { _ in "a" })
        let table = balancer.table(for: only, replacing: nil)
        #expect(Self.counts(table, of: 3, picks: 300).allSatisfy { $0 > 0 })
    }

    @Test("a subset is stable, differs by caller, and changes by one when one leaves")
    func subset() throws {
        let pool = try Self.pool(100)
        func chosen(_ pool: SelectionPool, _ caller: String) -> Set<InstanceID> {
            let table = SubsetBalancer(size: 5, caller: caller).table(for: pool, replacing: nil)
            let counts = Self.counts(table, of: pool.instances.count, picks: 1000)
            return Set(counts.indices.filter { counts[$0] > 0 }.map { pool.instances[$0].id })
        }
        let first = chosen(pool, "me")
        #expect(first.count == 5)
        #expect(chosen(pool, "me") == first)
        #expect(chosen(pool, "you") != first)
        let rest = SelectionPool(instances: pool.instances.filter { $0.id != first.sorted()[0] })
        #expect(chosen(rest, "me").intersection(first).count == 4)
        let others = SelectionPool(instances: pool.instances.filter { first.contains($0.id) || $0.id.text < "i00050" })
        #expect(chosen(others, "me") == first)
    }

    @Test("names of policies are those of the environment", arguments: NamedBalancers.all.map(\.name))
    func names(_ name: String) throws {
        let configuration = try RollcallConfiguration(environment: ["ROLLCALL_BALANCER": name])
        let known = try #require(NamedBalancers.all.first { $0.name == name })
        #expect(type(of: configuration.discovery.balancer) == type(of: known.balancer))
    }
}
