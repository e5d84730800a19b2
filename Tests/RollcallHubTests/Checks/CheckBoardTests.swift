import Rollcall
import Testing

@testable import RollcallHub

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite("CheckBoard")
struct CheckBoardTests {
    private static func at(_ seconds: Double) -> TimeSource.Instant { CheckBench.at(seconds) }

    @Test("one that fails is critical until it passes; one of which nothing is known stays what it was")
    func verdicts() throws {
        var bench = try CheckBench()
        try bench.register("a", "b")
        try bench.tell("a", .failing, at: 10)
        #expect(bench.settle(at: 10) == ["a"])
        try bench.tell("a", .unknown, at: 50)
        #expect(bench.settle(at: 50) == ["a"])
        try bench.tell("a", .passing, at: 60)
        #expect(bench.settle(at: 60) == [])
        #expect(bench.board.counts(at: Self.at(60)) == .init(instances: 2, failing: 0, held: 0, transitions: 2))
    }

    @Test("of one service at most half turn critical within an interval, one at least")
    func limit() throws {
        var bench = try CheckBench()
        try bench.register("a", "b", "c", "d", "e")
        for id in ["a", "b", "c", "d", "e"] { try bench.tell(id, .failing, at: 10) }
        #expect(bench.settle(at: 10) == ["a", "b"])
        #expect(bench.next == Self.at(15))
        #expect(bench.settle(at: 12) == ["a", "b"])
        // One that passes meanwhile was never out.
        try bench.tell("c", .passing, at: 13)
        #expect(bench.settle(at: 15) == ["a", "b", "d", "e"])
        #expect(bench.settle(at: 20) == ["a", "b", "d", "e"])
        #expect(bench.next == nil)
    }

    @Test("one that fails too often is held out while it passes, and let in when it has been good")
    func flapping() throws {
        var bench = try CheckBench()
        try bench.register("a", "b")
        for round in 0..<3 {
            let start = Double(round) * 12
            try bench.tell("a", .failing, at: start)
            #expect(bench.settle(at: start) == ["a"])
            try bench.tell("a", .passing, at: start + 6)
            #expect(bench.settle(at: start + 6) == (round < 2 ? [] : ["a"]))
        }
        #expect(bench.board.counts(at: Self.at(31)).held == 1)
        let next = try #require(bench.next)
        let end = next.elapsed / .seconds(1)
        #expect((30 + 60..<30 + 120).contains(end))
        #expect(bench.settle(at: end - 1) == ["a"])
        #expect(bench.settle(at: end + 0.01) == [])
    }

    @Test("a clock that jumps ahead lets in who is held out and passes, and nobody who fails")
    func jump() throws {
        var bench = try CheckBench()
        try bench.register("a", "b", "c", "d")
        for second in [0.0, 8, 16] {
            for id in ["a", "b"] { try bench.tell(id, .failing, at: second) }
            _ = bench.settle(at: second)
            for id in ["a", "b"] { try bench.tell(id, .passing, at: second + 5) }
            _ = bench.settle(at: second + 5)
        }
        #expect(bench.critical == ["a", "b"])
        try bench.tell("b", .failing, at: 22)
        #expect(bench.settle(at: 86_400) == ["b"])
    }

    @Test("a process that takes the place of another begins as passing; what the former did counts on")
    func replaced() throws {
        var bench = try CheckBench()
        try bench.register("a", "b")
        for second in [0.0, 8, 16] {
            try bench.tell("a", .failing, at: second)
            _ = bench.settle(at: second)
            try bench.tell("a", .passing, at: second + 5)
            _ = bench.settle(at: second + 5)
        }
        #expect(bench.critical == ["a"])
        try bench.register("a", at: 22)
        #expect(bench.critical == [])
        #expect(bench.settle(at: 23) == [])
        try bench.tell("a", .passing, at: 24)
        try bench.tell("a", .failing, at: 30)
        _ = bench.settle(at: 30)
        try bench.tell("a", .passing, at: 36)
        #expect(bench.settle(at: 36) == ["a"])
    }

    @Test("a verdict on a former process changes nothing about the one that took its place")
    func late() throws {
        var bench = try CheckBench()
        try bench.register("a", "b")
        try bench.tell("a", .failing, at: 10)
        let (results, _) = bench.board.decide(at: Self.at(10))
        try bench.register("a", at: 10)
        for (place, decided) in results {
            #expect(bench.table.note(decided, at: place) == nil)
            bench.board.apply(decided, at: place)
        }
        #expect(bench.critical == [])
        #expect(bench.settle(at: 11) == [])
    }

    @Test("one that failed before the hub started fails on until it passes")
    func restored() throws {
        var bench = try CheckBench()
        try bench.register("a", "b")
        try bench.tell("a", .failing, at: 1)
        _ = bench.settle(at: 1)
        bench.board = CheckBoard(rules: FlapDamping.Rules(), interval: .seconds(5))
        bench.sync(at: 2)
        #expect(bench.settle(at: 2) == ["a"])
        try bench.tell("a", .passing, at: 3)
        #expect(bench.settle(at: 3) == [])
    }

    @Test("who left is forgotten once what he did has decayed")
    func forgotten() throws {
        var bench = try CheckBench()
        try bench.register("a")
        try bench.tell("a", .failing, at: 0)
        _ = bench.settle(at: 0)
        _ = bench.table.end(try InstanceID("a"), at: bench.place, reason: .expired)
        bench.sync(at: 1)
        #expect(bench.board.knows(bench.place))
        bench.sync(at: 130)
        #expect(!bench.board.knows(bench.place))
    }

    @Test("who left a service of which no further news comes is forgotten with the news of another")
    func pruned() throws {
        var bench = try CheckBench()
        try bench.register("a")
        let records = bench.table.records(at: bench.place)
        let places = try (0..<100).map { RegistryTable.Place(namespace: .default, service: try ServiceName("w\($0)")) }
        for place in places {
            _ = bench.board.sync(records, at: place, now: Self.at(1))
            let id = try InstanceID("a")
            bench.board.note(
                ProbeReport(place: place, id: id, verdict: .failing, failures: 3, checkedAt: Self.at(1), message: ""),
                at: Self.at(1)
            )
            _ = bench.board.sync([], at: place, now: Self.at(2))
        }
        bench.sync(at: 61)
        #expect(places.allSatisfy(bench.board.knows))
        bench.sync(at: 130)
        #expect(!places.contains(where: bench.board.knows))
        #expect(bench.board.knows(bench.place))
    }

    @Test("whoever is shown otherwise than was decided is decided about anew")
    func reconciled() throws {
        var bench = try CheckBench()
        try bench.register("a", "b", at: 10)
        try bench.tell("a", .failing, at: 10)
        #expect(bench.settle(at: 10) == ["a"])
        // Registered anew within the same moment, so that it cannot be told from the former.
        try bench.register("a", at: 10)
        #expect(bench.critical == [])
        #expect(bench.settle(at: 15) == ["a"])
        // Shown as critical though it passes.
        let b = RegistryTable.CheckResult(
            id: try InstanceID("b"),
            registeredAt: Date(timeIntervalSince1970: 10),
            fails: true
        )
        try bench.tell("b", .passing, at: 16)
        #expect(bench.settle(at: 16) == ["a"])
        _ = bench.table.note([b], at: bench.place)
        bench.sync(at: 17)
        #expect(bench.critical == ["a", "b"])
        #expect(bench.settle(at: 17) == ["a"])
    }

    @Test("what its holder says and what somebody laid over it come back; maintenance is not touched")
    func beneath() throws {
        var bench = try CheckBench()
        try bench.register("a", "b")
        let (a, web) = (try InstanceID("a"), bench.place.service)
        _ = try bench.table.amend(web, id: a, InstanceChange(status: .warning), in: .default)
        try bench.tell("a", .failing, at: 1)
        #expect(bench.settle(at: 1) == ["a"])
        _ = try bench.table.amend(web, id: a, InstanceChange(status: .maintenance), in: .default)
        #expect(bench.critical == [])
        _ = try bench.table.amend(web, id: a, InstanceChange(status: .warning), in: .default)
        #expect(bench.critical == ["a"])
        try bench.tell("a", .passing, at: 2)
        _ = bench.settle(at: 2)
        #expect(bench.table.record(a, at: bench.place)?.visible.status == .warning)
    }
}
