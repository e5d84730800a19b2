import Testing

@testable import Rollcall

@Suite("LockTable")
struct LockTableTests {
    private static func at(_ seconds: Double) -> TimeSource.Instant { TimeSource.Instant(elapsed: .seconds(seconds)) }

    private static func place(_ name: String = "a") throws -> LockTable.Place {
        LockTable.Place(namespace: .default, name: try LockName(name))
    }

    @Test("those who wait have their turn in the order in which they came, each with a higher token")
    func queue() throws {
        let place = try Self.place()
        var table = LockTable()
        let first = table.acquire(place, proof: "1", ttl: .seconds(10), at: Self.at(0))
        #expect(first?.token == 1)
        for proof in ["2", "3", "2"] {
            #expect(table.acquire(place, proof: proof, ttl: .seconds(10), at: Self.at(1)) == nil)
        }
        #expect(table.holder(at: place) == LockHolder(token: 1, waiting: 2))
        #expect(table.release(place, proof: "1", at: Self.at(2))?.proof == "2")
        #expect(table.release(place, proof: "1", at: Self.at(2)) == nil)
        #expect(table.release(place, proof: "2", at: Self.at(3))?.proof == "3")
        #expect(table.release(place, proof: "3", at: Self.at(4)) == nil)
        #expect(table.isQuiet)
        #expect(table.acquire(place, proof: "4", ttl: .seconds(10), at: Self.at(5))?.token == 4)
    }

    @Test("asking again gives what was given: an answer may be lost")
    func again() throws {
        let place = try Self.place()
        var table = LockTable(lastToken: 40)
        let first = table.acquire(place, proof: "1", ttl: .seconds(10), at: Self.at(0))
        #expect(first?.token == 41)
        #expect(table.acquire(place, proof: "1", ttl: .seconds(10), at: Self.at(1)) == first)
    }

    @Test("a lock whose time is over goes to the next, and its former holder cannot renew it")
    func expiry() throws {
        let place = try Self.place()
        var table = LockTable()
        _ = table.acquire(place, proof: "1", ttl: .seconds(10), at: Self.at(0))
        _ = table.acquire(place, proof: "2", ttl: .seconds(10), at: Self.at(1))
        #expect(table.renew(place, proof: "1", at: Self.at(9))?.expiry == Self.at(19))
        #expect(table.expire(at: Self.at(18.9)).isEmpty)
        #expect(table.renew(place, proof: "1", at: Self.at(19)) == nil)
        #expect(table.expire(at: Self.at(19)).map(\.grant.proof) == ["2"])
        #expect(table.grant(of: "1", at: place) == nil)
        #expect(table.renew(place, proof: "1", at: Self.at(19)) == nil)
        #expect(table.expire(at: Self.at(29)).isEmpty)
        #expect(table.isQuiet)
    }

    @Test("time in which nobody could renew counts for nobody")
    func lateness() throws {
        let place = try Self.place()
        var table = LockTable()
        _ = table.acquire(place, proof: "1", ttl: .seconds(10), at: Self.at(0))
        _ = table.acquire(place, proof: "2", ttl: .seconds(10), at: Self.at(0))
        #expect(table.expire(at: Self.at(30), lateness: .seconds(25)).isEmpty)
        #expect(table.renew(place, proof: "1", at: Self.at(31)) != nil)
    }

    @Test("who stops waiting is forgotten")
    func leaving() throws {
        let place = try Self.place()
        var table = LockTable()
        _ = table.acquire(place, proof: "1", ttl: .seconds(10), at: Self.at(0))
        _ = table.acquire(place, proof: "2", ttl: .seconds(10), at: Self.at(0))
        #expect(table.release(place, proof: "2", at: Self.at(1)) == nil)
        #expect(table.holder(at: place) == LockHolder(token: 1, waiting: 0))
        #expect(table.release(place, proof: "1", at: Self.at(2)) == nil)
        #expect(table.isQuiet)
    }
}
