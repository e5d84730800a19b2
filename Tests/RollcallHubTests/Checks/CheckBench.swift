import Rollcall

@testable import RollcallHub

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A board and a registry table that follows it.
struct CheckBench {
    var board = CheckBoard(rules: FlapDamping.Rules(), interval: .seconds(5))
    var table = RegistryTable()
    let place: RegistryTable.Place
    var next: TimeSource.Instant?

    init() throws {
        self.place = RegistryTable.Place(namespace: .default, service: try ServiceName("web"))
    }

    mutating func register(_ ids: String..., at second: Double = 0) throws {
        for id in ids {
            let instance = try ServiceInstance(
                service: self.place.service,
                id: InstanceID(id),
                endpoints: [Endpoint("http://127.0.0.1:80")]
            )
            _ = self.table.register(
                instance,
                in: self.place.namespace,
                proof: LeaseProof("\(id) \(second)"),
                ttl: .seconds(10),
                at: Self.at(second),
                date: Date(timeIntervalSince1970: second)
            )
        }
        self.sync(at: second)
    }

    @discardableResult
    mutating func sync(at second: Double) -> Set<InstanceID> {
        self.board.sync(self.table.records(at: self.place), at: self.place, now: Self.at(second))
    }

    mutating func tell(_ id: String, _ verdict: ProbeVerdict, at second: Double) throws {
        let now = Self.at(second)
        let report = ProbeReport(
            place: self.place,
            id: try InstanceID(id),
            verdict: verdict,
            failures: verdict == .failing ? 3 : 0,
            checkedAt: now,
            message: ""
        )
        self.board.note(report, at: now)
    }

    /// Decides and carries out; returns who is critical then.
    mutating func settle(at second: Double) -> [String] {
        let (results, next) = self.board.decide(at: Self.at(second))
        for (place, decided) in results {
            _ = self.table.note(decided, at: place)
            self.board.apply(decided, at: place)
        }
        self.next = next
        return self.critical
    }

    var critical: [String] {
        self.table.instances(at: self.place).filter { $0.status == .critical }.map(\.id.text).sorted()
    }

    static func at(_ seconds: Double) -> TimeSource.Instant { TimeSource.Instant(elapsed: .seconds(seconds)) }
}
