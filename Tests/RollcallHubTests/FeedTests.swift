import Foundation
import Rollcall
import Testing

@testable import RollcallHub

@Suite("The hub's feed", .timeLimit(.minutes(1)))
struct FeedTests {
    private let web: ServiceName
    private let place: RegistryTable.Place

    init() throws {
        self.web = try ServiceName("web")
        self.place = RegistryTable.Place(namespace: .default, service: self.web)
    }

    private static func change(
        _ from: UInt64,
        _ to: UInt64,
        isGone: Bool = false,
        _ text: String? = "e"
    ) -> HubFeed.ServiceChange {
        HubFeed.ServiceChange(from: from, to: to, isGone: isGone, event: text.map { Array($0.utf8) })
    }

    @Test("a stream is sent a change if it has what the change starts from, else the state")
    func steps() {
        var held = HeldRevisions([self.web: 7], named: [self.web])
        #expect(held.step(to: Self.change(5, 7), of: self.web) == .nothing)
        #expect(held.step(to: Self.change(7, 8), of: self.web) == .event)
        #expect(held.step(to: Self.change(7, 8, nil), of: self.web) == .snapshot)
        #expect(held.step(to: Self.change(6, 8), of: self.web) == .snapshot)
        #expect(HeldRevisions(named: []).step(to: Self.change(0, 1), of: self.web) == .snapshot)
        held.note(Self.change(7, 8), of: self.web)
        #expect(held.step(to: Self.change(8, 9), of: self.web) == .event)
        let isNews = (held.take(8, of: self.web), held.take(10, of: self.web))
        #expect(isNews == (false, true))
        #expect(held.step(to: Self.change(9, 10), of: self.web) == .nothing)
    }

    @Test("who is gone is forgotten by a stream that does not name it", arguments: [false, true])
    func gone(_ isNamed: Bool) {
        var held = HeldRevisions([self.web: 7], named: isNamed ? [self.web] : [])
        held.note(Self.change(7, 8, isGone: true), of: self.web)
        #expect(held.step(to: Self.change(8, 9), of: self.web) == (isNamed ? .event : .snapshot))
    }

    @Test("changes that wait become one with both events, unless something is missing or it becomes too long")
    func joined() {
        let whole = Self.change(1, 2, "a").followed(by: Self.change(2, 5, "b"), limit: 2)
        #expect((whole.from, whole.to) == (1, 5))
        #expect(whole.event == Array("ab".utf8))
        #expect(Self.change(1, 2, "a").followed(by: Self.change(2, 5, "bc"), limit: 2).event == nil)
        #expect(Self.change(1, 2, "a").followed(by: Self.change(3, 5, "b"), limit: 2).event == nil)
        #expect(Self.change(1, 2, nil).followed(by: Self.change(2, 5, "b"), limit: 2).event == nil)
        #expect(Self.change(1, 2, isGone: true, "a").followed(by: Self.change(2, 5, "b"), limit: 2).event == nil)
        #expect(Self.change(1, 2, "a").followed(by: Self.change(2, 5, isGone: true, "b"), limit: 2).isGone)
    }

    @Test("whoever watches a service by name and by pattern is told once")
    func watchers() throws {
        var watchers = Watchers<String>()
        let all = try ["web", "*", "we*", "team-*"].map { try ServicePattern($0) }
        let interests = [all, [all[1]], [all[3]]].enumerated().map {
            WatchInterest(number: UInt64($0.offset), namespace: .default, patterns: $0.element)
        }
        for (interest, name) in zip(interests, ["all", "any", "team"]) { watchers.insert(name, interest) }
        #expect(watchers.members(of: self.place).sorted() == ["all", "any"])
        watchers.remove(interests[0])
        #expect(watchers.members(of: self.place) == ["any"])
        watchers.remove(interests[1])
        #expect(!watchers.contains(self.place))
        let team = RegistryTable.Place(namespace: .default, service: try ServiceName("team-a"))
        #expect(watchers.contains(team))
        watchers.remove(interests[2])
        #expect(!watchers.contains(team))
    }

    @Test("a snapshot made of an earlier one is the one made anew", arguments: 0..<4 as Range<UInt64>)
    func snapshots(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var table = RegistryTable()
        var cache = SnapshotCache()
        for step in 0..<60 {
            let id = try InstanceID("i\(Int.random(in: 0..<8, using: &generator))")
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: _ = table.end(id, at: self.place, reason: .expired)
            case 1: _ = try? table.amend(self.web, id: id, InstanceChange(weight: step), in: .default)
            default:
                _ = table.register(
                    try HubStoreTests.make(id.text).applying(InstanceChange(metadata: ["step": ",\"\(step)"])),
                    in: .default,
                    proof: LeaseProof("p"),
                    ttl: .seconds(10),
                    at: TimeSource.Instant(elapsed: .zero),
                    date: Date(timeIntervalSince1970: Double(step))
                )
            }
            guard Int.random(in: 0..<3, using: &generator) > 0 else { continue }
            var fresh = SnapshotCache()
            let snapshot = cache.snapshot(of: self.place, in: table)
            let expected = fresh.snapshot(of: self.place, in: table)
            #expect(snapshot == expected)
        }
    }
}
