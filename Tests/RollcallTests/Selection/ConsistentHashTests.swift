import Testing

@testable import Rollcall

@Suite("Consistent hash")
struct ConsistentHashTests {
    private static let keys = (0..<30_000).map { "user-\($0)" }

    private static func owners(_ pool: SelectionPool) -> [InstanceID] {
        let table = ConsistentHashBalancer().table(for: pool, replacing: nil)
        return Self.keys.map { pool.instances[table.pick(PickRequest(key: $0, random: 0))].id }
    }

    @Test("no instance has more than 1.3 times the mean", arguments: [3, 10, 100])
    func balance(_ size: Int) throws {
        let owners = Self.owners(try BalancerTests.pool(size))
        var counts: [InstanceID: Int] = [:]
        for owner in owners { counts[owner, default: 0] += 1 }
        let mean = Double(Self.keys.count) / Double(size)
        #expect(counts.count == size)
        #expect(Double(counts.values.max() ?? 0) <= 1.3 * mean)
    }

    @Test("when one leaves only its own keys move, at most 1.2 of n", arguments: [10, 100])
    func movement(_ size: Int) throws {
        let pool = try BalancerTests.pool(size)
        let before = Self.owners(pool)
        // Each in turn where there are few, some where there are many.
        for left in stride(from: 0, to: size, by: size / 10) {
            let rest = pool.instances.filter { $0.id != pool.instances[left].id }
            let after = Self.owners(SelectionPool(instances: rest))
            var moved = 0
            for (old, new) in zip(before, after) where old != new {
                #expect(old == pool.instances[left].id, "a key of an instance that stayed has moved")
                moved += 1
            }
            #expect(Double(moved) <= 1.2 / Double(size) * Double(Self.keys.count))
        }
    }

    @Test("when one comes keys move to it only")
    func arrival() throws {
        let all = try BalancerTests.pool(11)
        let before = Self.owners(SelectionPool(instances: Array(all.instances.dropLast())))
        let after = Self.owners(all)
        let new = try #require(all.instances.last?.id)
        for (old, owner) in zip(before, after) where old != owner { #expect(owner == new) }
        #expect(after.contains(new))
    }

    @Test("weights are shares of the ring")
    func weights() throws {
        let pool = try BalancerTests.pool(4) { $0 == 0 ? 3 : 1 }
        let owners = Self.owners(pool)
        let share = Double(owners.count { $0 == pool.instances[0].id }) / Double(owners.count)
        #expect(abs(share - 0.5) < 0.06)
    }

    @Test("another attempt of the same key is another instance, the same each time")
    func attempts() throws {
        let pool = try BalancerTests.pool(5)
        let table = ConsistentHashBalancer().table(for: pool, replacing: nil)
        for key in Self.keys.prefix(100) {
            let tries = (0..<3).map { table.pick(PickRequest(key: key, random: 0, attempt: $0)) }
            #expect(tries == (0..<3).map { table.pick(PickRequest(key: key, random: 9, attempt: $0)) })
            #expect(tries[0] != tries[1])
        }
    }

    @Test("one key that everybody asks for does not overload its instance")
    func boundedLoad() throws {
        let pool = try BalancerTests.pool(10)
        let table = ConsistentHashBalancer(loadFactor: 1.25).table(for: pool, replacing: nil)
        for _ in 0..<1000 { pool.statistics[table.pick(PickRequest(key: "hot", random: 0))].beginCall() }
        let most = pool.statistics.map(\.outstanding).max() ?? 0
        // 1.25 times the mean of 100, and one for rounding up.
        #expect(most <= 126)
        let unbounded = ConsistentHashBalancer(loadFactor: .infinity).table(for: pool, replacing: nil)
        #expect(Set((0..<100).map { _ in unbounded.pick(PickRequest(key: "hot", random: 0)) }).count == 1)
    }

    @Test("the bound is by weight")
    func boundedByWeight() throws {
        let pool = try BalancerTests.pool(2) { $0 == 0 ? 1 : 9 }
        let table = ConsistentHashBalancer(loadFactor: 1.25).table(for: pool, replacing: nil)
        for key in Self.keys.prefix(1000) {
            pool.statistics[table.pick(PickRequest(key: key, random: 0))].beginCall()
        }
        // A tenth is 100, and 1.25 times that 125.
        #expect(pool.statistics[0].outstanding <= 126)
        #expect(pool.statistics[1].outstanding >= 874)
    }

    @Test("without a key any instance is taken")
    func noKey() throws {
        let pool = try BalancerTests.pool(4)
        let table = ConsistentHashBalancer().table(for: pool, replacing: nil)
        #expect(BalancerTests.counts(table, of: 4, picks: 1000).allSatisfy { $0 > 150 })
    }

    @Test("a key belongs to the next of all points in order", arguments: [1, 2, 50])
    func order(_ size: Int) throws {
        let pool = try BalancerTests.pool(size, weight: { 1 + $0 % 4 })
        let ring = HashRing(pool.instances)
        var points: [(point: UInt64, owner: Int)] = []
        for (index, instance) in pool.instances.enumerated() {
            var generator = SplitMix64(seed: KeyHash.hash(instance.id.text))
            for _ in 0..<instance.weight * ConsistentHashBalancer.pointsPerInstance {
                points.append((generator.next(), index))
            }
        }
        points.sort { $0 < $1 }
        #expect(ring.count == points.count)
        var generator = SplitMix64(seed: 7)
        for hash in [0, .max] + (0..<500).map({ _ in generator.next() }) {
            let expected = points.first { $0.point >= hash } ?? points[0]
            #expect(ring.owner(at: ring.place(of: hash)) == expected.owner)
        }
    }

    @Test("two instances at one address are two, and services do not share a ring")
    func identity() throws {
        // All of the pool have one address; their ids differ.
        #expect(Set(Self.owners(try BalancerTests.pool(3))).count == 3)
    }

    @Test("the hash is the same in every process")
    func stability() {
        #expect(KeyHash.hash("") == KeyHash.hash(""))
        #expect(Set(["", "a", "b", "ab", "ba", "12345678", "123456789"].map { KeyHash.hash($0) }).count == 7)
    }
}
