import Foundation
import Testing

@testable import Rollcall

/// Many leases of a service that end at once.
@Suite("Expiry guard")
struct ExpiryGuardTests {
    private let service: ServiceName
    private let all: [ServiceInstance]

    init() throws {
        self.service = try ServiceName("web")
        self.all = try BalancerTests.pool(10).instances
    }

    private func moment(_ seconds: Double) -> TimeSource.Instant {
        TimeSource.Instant(elapsed: .milliseconds(Int64(seconds * 1000)))
    }

    private func table(
        _ count: Int,
        ttl: (Int) -> Duration = { _ in .seconds(10) },
        exempt: Set<ServiceName> = []
    ) -> RegistryTable {
        var table = RegistryTable()
        table.expiryGuard = ExpiryGuard(ExpiryGuard.Rules(exempt: exempt))
        for (index, instance) in self.all.prefix(count).enumerated() {
            _ = table.register(
                instance,
                in: .default,
                proof: LeaseProof("\(index)"),
                ttl: ttl(index),
                at: moment(0),
                date: Date(timeIntervalSince1970: 0)
            )
        }
        return table
    }

    private func renew(_ table: inout RegistryTable, _ indices: some Sequence<Int>, at seconds: Double) throws {
        for index in indices {
            try table.renew(
                self.service,
                id: self.all[index].id,
                proof: LeaseProof("\(index)"),
                in: .default,
                at: moment(seconds)
            )
        }
    }

    private func count(_ table: RegistryTable) -> Int { table.counts.instances }

    /// Lets time pass in ticks, and says who left.
    private func pass(_ table: inout RegistryTable, from start: Double, to end: Double) -> Int {
        var left = 0
        for tick in stride(from: start, through: end, by: 0.5) {
            left += table.expire(at: moment(tick), lateness: .zero).reduce(0) { $0 + $1.departed.count }
        }
        return left
    }

    @Test("more than half of at least four: kept for twice their time-to-live, then dropped")
    func most() throws {
        var table = self.table(4)
        try self.renew(&table, [0], at: 9)
        #expect(self.pass(&table, from: 9.5, to: 18) == 0)
        #expect(table.guardStatus.held.values.reduce(0, +) == 3)
        #expect(table.guardStatus.activations == 1)
        try self.renew(&table, [0], at: 18)
        try self.renew(&table, [0], at: 27)
        #expect(self.pass(&table, from: 18.5, to: 29.5) == 0)
        // At 10 s they were due; twenty more are over at 30 s.
        #expect(self.pass(&table, from: 30, to: 31) == 3)
        #expect(self.count(table) == 1)
    }

    @Test("those that are renewed meanwhile are as before")
    func recovery() throws {
        var table = self.table(5)
        #expect(self.pass(&table, from: 0.5, to: 12) == 0)
        #expect(table.guardStatus.held.values.reduce(0, +) == 5)
        try self.renew(&table, 0..<5, at: 12)
        #expect(table.guardStatus.held.isEmpty)
        #expect(self.pass(&table, from: 12.5, to: 21) == 0)
        #expect(self.count(table) == 5)
    }

    @Test("one that was kept and then renewed ends a time-to-live after that")
    func renewedThenDead() throws {
        var table = self.table(4) { _ in .seconds(2) }
        #expect(self.pass(&table, from: 0.5, to: 2.5) == 0)
        try self.renew(&table, 0..<4, at: 2.5)
        try self.renew(&table, 0..<2, at: 4)
        #expect(self.pass(&table, from: 3, to: 5) == 2, "two of four are not most")
    }

    @Test("three, or half, end when they are due", arguments: [(3, 0), (4, 2)])
    func few(_ count: Int, _ renewed: Int) throws {
        var table = self.table(count)
        try self.renew(&table, 0..<renewed, at: 9)
        #expect(self.pass(&table, from: 9.5, to: 10.5) == count - renewed)
        #expect(table.guardStatus.activations == 0)
    }

    @Test("each lease counts for its own time-to-live: one after the other, over a long time, is no mass expiry")
    func slowly() throws {
        var table = self.table(8)
        var left = 0
        for round in 1...7 {
            let now = Double(round) * 9
            // One fewer renews each time; the others go on.
            try self.renew(&table, 0..<(8 - round), at: now)
            left += self.pass(&table, from: now + 0.5, to: now + 8.5)
        }
        #expect(left >= 5)
        #expect(self.count(table) + left == 8)
    }

    @Test("short leases beside long ones: judged within the short time, not within the long one")
    func mixed() throws {
        var table = self.table(6) { $0 < 2 ? .seconds(2) : .seconds(60) }
        #expect(self.pass(&table, from: 0.5, to: 3) == 2, "two of six are not most")
        // Their loss counts for two seconds only.
        var others = self.table(6) { $0 < 3 ? .seconds(2) : .seconds(10) }
        #expect(self.pass(&others, from: 0.5, to: 5) == 3)
        try self.renew(&others, 3..<5, at: 6)
        #expect(self.pass(&others, from: 6.5, to: 11) == 1)
    }

    @Test("a service that is exempt, and a table without a guard, drop what is due")
    func off() {
        var exempt = self.table(6, exempt: [self.service])
        #expect(self.pass(&exempt, from: 0.5, to: 11) == 6)
        var bare = self.table(6)
        bare.expiryGuard = nil
        #expect(self.pass(&bare, from: 0.5, to: 11) == 6)
    }

    @Test("a lease that is revoked while it is kept is gone at once")
    func revoked() throws {
        var table = self.table(4)
        #expect(self.pass(&table, from: 0.5, to: 11) == 0)
        let change = table.revoke(self.service, id: self.all[0].id, proof: LeaseProof("0"), in: .default)
        #expect(change?.departed == [self.all[0].id: .deregistered])
        #expect(self.count(table) == 3)
    }

    @Test("the grace is twice the time-to-live, from 5 s to 30 s", arguments: [(1, 5), (5, 10), (60, 30)])
    func grace(_ ttl: Int, _ grace: Int) {
        #expect(ExpiryGuard.grace(.seconds(ttl)) == .seconds(grace))
    }
}
