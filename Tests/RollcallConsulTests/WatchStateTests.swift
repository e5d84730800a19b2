import Foundation
import Rollcall
import Testing

@testable import RollcallConsul

@Suite("What a watch of Consul shows")
struct WatchStateTests {
    private let now = TimeSource.Instant(elapsed: .seconds(1))

    private func state() throws -> ServiceWatchState {
        ServiceWatchState(service: try ServiceName("web")) { "amendments/\($0)" }
    }

    private func records(_ instances: ServiceInstance...) throws -> [InstanceID: InstanceRecord] {
        var records: [HealthRecord] = []
        for instance in instances {
            records += try HealthRecord.list(json: answered(.sample(instance, nonce: "n\(instance.id)")))
        }
        return ServiceReading.records(records, of: try ServiceName("web"), layout: RollcallConsulLayout())
    }

    private func amendments(_ id: String, _ binding: String, _ change: InstanceChange) throws -> Amendments {
        var entry = KeyValueEntry()
        entry.key = "amendments/\(id)"
        entry.value = Amendment(binding: binding, change: change).json
        return Amendments([entry])
    }

    @Test("nothing is shown before both the catalog and the amendments are known")
    func beginning() throws {
        var state = try self.state()
        #expect(state.next() == nil)
        state.take([:])
        #expect(state.next() == nil)
        state.take(Amendments())
        let begun = state.next()
        let first = try #require(begun)
        #expect(first.instances.isEmpty && first.revision == 1 && first.freshness == .live && first.source == "consul")
        #expect(state.next() == nil)
    }

    @Test("only what changes is shown, and who left")
    func changes() throws {
        var state = try self.state()
        state.take(Amendments())
        state.take(try self.records(.sample("a"), .sample("b", status: .maintenance), .sample("c")))
        #expect(state.next()?.instances.map(\.id.text) == ["a", "b", "c"])
        state.take(try self.records(.sample("a"), .sample("b", status: .maintenance), .sample("c")))
        #expect(state.next() == nil)
        state.take(try self.records(.sample("a")))
        let changed = state.next()
        let last = try #require(changed)
        #expect(last.revision == 2)
        #expect(last.departed == [try InstanceID("b"): .deregistered, try InstanceID("c"): .unknown])
    }

    @Test("amendments come and go, and a record's end is that of its amendment")
    func amendments() throws {
        var state = try self.state()
        state.take(Amendments())
        state.take(try self.records(.sample("a")))
        _ = state.next()
        state.take(try self.amendments("a", "na", InstanceChange(weight: 9)))
        #expect(state.next()?.instances.first?.weight == 9)
        state.take(try self.amendments("a", "former", InstanceChange(weight: 9)))
        #expect(state.next()?.instances.first?.weight == 1)
        state.take(try self.amendments("other", "na", InstanceChange(weight: 9)))
        #expect(state.next() == nil)
    }

    @Test("while the catalog is away the last view stays, once, and is live again with or without a change")
    func absence() throws {
        var state = try self.state()
        state.take(Amendments())
        state.take(try self.records(.sample("a")))
        _ = state.next()
        state.interrupt(at: self.now)
        let interrupted = state.next()
        let stale = try #require(interrupted)
        #expect(stale.freshness == .stale(since: self.now) && stale.instances.count == 1 && stale.departed.isEmpty)
        state.interrupt(at: self.now.advanced(by: .seconds(5)))
        #expect(state.next() == nil)
        state.confirm()
        #expect(state.next()?.freshness == .live)
        state.interrupt(at: self.now)
        _ = state.next()
        state.take(try self.records(.sample("a")))
        #expect(state.next()?.freshness == .live)
    }
}
