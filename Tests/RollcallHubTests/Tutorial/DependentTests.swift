import Rollcall
import RollcallService
import Testing

@testable import RollcallHub

@Suite("What dependents were told, as values", .timeLimit(.minutes(1)))
struct DependentTests {
    private typealias Push = ToldServices.Push

    private static func info(_ port: Int) throws -> HeartbeatServiceInfo {
        HeartbeatServiceInfo(name: try ServiceName("log"), address: "127.0.0.1:\(port)")
    }

    private static func dependent(_ id: String, requires: [String]) throws -> Dependent {
        Dependent(
            try ServiceInstance(
                service: ServiceName("web"),
                id: InstanceID(id),
                endpoints: [Endpoint("http://127.0.0.1:80")],
                requires: requires.map { try ServiceName($0) }
            )
        )
    }

    @Test("what came is added, what is gone is removed first, and what is known is not told")
    func difference() throws {
        let (one, two, three) = (try Self.info(1), try Self.info(2), try Self.info(3))
        var told = ToldServices()
        told.note([one, two], of: one.name)
        #expect(told.pushes(to: [two, three], of: one.name) == [.remove(one), .add(three)])
        for push in told.pushes(to: [two, three], of: one.name) {
            told.begin(push)
            told.finish(push)
        }
        #expect(told.pushes(to: [two, three], of: one.name).isEmpty)
        #expect(told.pushes(to: [], of: try ServiceName("mail")).isEmpty)
    }

    @Test("an addition that may have arrived is removed before it is told again, and also when it is gone")
    func uncertainAddition() throws {
        let one = try Self.info(1)
        var told = ToldServices()
        told.begin(.add(one))
        #expect(told.pushes(to: [one], of: one.name) == [.remove(one), .add(one)])
        #expect(told.pushes(to: [], of: one.name) == [.remove(one)])
        told.begin(.remove(one))
        told.finish(.remove(one))
        #expect(told.pushes(to: [], of: one.name).isEmpty)
        #expect(told.pushes(to: [one], of: one.name) == [.add(one)])
    }

    @Test("a removal that may have arrived is told again, and what is back by then is added")
    func uncertainRemoval() throws {
        let one = try Self.info(1)
        var told = ToldServices()
        told.note([one], of: one.name)
        told.begin(.remove(one))
        #expect(told.pushes(to: [], of: one.name) == [.remove(one)])
        #expect(told.pushes(to: [one], of: one.name) == [.remove(one), .add(one)])
    }

    @Test("what a hub before this one may have told is told again, once")
    func doubt() throws {
        let one = try Self.info(1)
        var told = ToldServices()
        told.doubt([one])
        #expect(told.pushes(to: [one], of: one.name) == [.remove(one), .add(one)])
    }

    @Test("services matter while a program is there that is one or needs one")
    func table() throws {
        let (web, log, mail) = (try ServiceName("web"), try ServiceName("log"), try ServiceName("mail"))
        var table = DependentTable()
        let first = try Self.dependent("a", requires: ["log"])
        #expect(table.insert(first) == nil)
        #expect(table.isConcerned(by: web) && table.isConcerned(by: log) && !table.isConcerned(by: mail))
        let second = try Self.dependent("a", requires: ["mail"])
        #expect(table.insert(second) === first)
        #expect(!table.isConcerned(by: log) && table.isConcerned(by: mail))
        let other = try Self.dependent("b", requires: ["mail"])
        #expect(table.insert(other) == nil)
        table.remove(first)
        #expect(table.all.count == 2, "its place has another one")
        table.remove(second)
        #expect(table.concerned(by: mail).map(\.instance.id.text) == ["b"])
        table.remove(other)
        for service in [web, log, mail] { #expect(!table.isConcerned(by: service)) }
    }
}
