import Rollcall
import Testing

@testable import RollcallProbes

@Suite("ProbeTable", .timeLimit(.minutes(1)))
struct ProbeTableTests {
    private typealias Table = ProbeTable<Endpoint>

    private static let rules = ProbeRules(jitter: 0)
    private static let passed = ProbeOutcome.passed("fine")
    private static let failed = ProbeOutcome.failed("broken")

    private static func table(_ rules: ProbeRules = rules) -> Table {
        Table(rules: rules, generator: SplitMix64(seed: 1)) { endpoint, wish in
            endpoint.scheme == "unix" || wish == "none" ? nil : endpoint
        }
    }

    private static func at(_ seconds: Double) -> TimeSource.Instant {
        TimeSource.Instant(elapsed: .seconds(seconds))
    }

    /// Does all that is due at a moment.
    private static func check(_ table: inout Table, at seconds: Double, _ outcome: (Endpoint) -> ProbeOutcome) {
        while let attempt = table.takeDue(at: self.at(seconds)) {
            table.finish(attempt.token, outcome(attempt.target), at: self.at(seconds))
        }
    }

    private static func expect(
        _ table: inout Table,
        _ changes: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let found = table.takeReports().map { "\($0.id.text) \($0.verdict.rawValue) \($0.failures)" }
        #expect(found == changes, sourceLocation: sourceLocation)
    }

    @Test("what an instance asks for decides; another wish begins anew")
    func wishes() throws {
        func asking(_ wish: String?) throws -> ServiceInstance {
            try ServiceInstance(
                service: .web,
                id: InstanceID("a"),
                endpoints: [Endpoint("http://10.0.0.1:80")],
                metadata: wish.map { [ProbeConfiguration.Kind.metadataKey: $0] } ?? [:]
            )
        }
        var table = Self.table()
        table.track([try asking("http:/health")], of: web, at: Self.at(0))
        Self.check(&table, at: 0) { _ in Self.passed }
        Self.expect(&table, ["a passing 0"])
        table.track([try asking("tcp")], of: web, at: Self.at(1))
        Self.expect(&table, ["a unknown 0"])
        Self.check(&table, at: 1) { _ in Self.passed }
        Self.expect(&table, ["a passing 0"])
        table.track([try asking("tcp")], of: web, at: Self.at(2))
        Self.expect(&table, [])
        table.track([try asking("none")], of: web, at: Self.at(3))
        Self.expect(&table, ["a unknown 0"])
        #expect(table.count == 0)
        table.track([try asking(nil)], of: web, at: Self.at(4))
        #expect(table.count == 1)
    }

    @Test("a clock that jumps ahead makes one check due of each endpoint, and what was known is not known any more")
    func jump() throws {
        var table = Self.table()
        table.track([try instance("a", at: "http://10.0.0.1:80", "tcp://10.0.0.1:81")], of: web, at: Self.at(0))
        Self.check(&table, at: 1) { _ in Self.passed }
        Self.expect(&table, ["a passing 0"])
        let now = Self.at(86_400)
        table.expire(at: now)
        Self.expect(&table, ["a unknown 0"])
        var attempts: [Table.Attempt] = []
        while let attempt = table.takeDue(at: now) { attempts.append(attempt) }
        #expect(attempts.count == 2)
        for attempt in attempts { table.finish(attempt.token, Self.passed, at: now) }
        Self.expect(&table, ["a passing 0"])
        #expect(table.takeDue(at: now) == nil)
        #expect(try #require(table.next) > now)
    }

    @Test("services of two namespaces are two")
    func namespaces() throws {
        let other = RegistryTable.Place(namespace: try Namespace("other"), service: web)
        var table = Self.table()
        table.track([try instance("a", at: "http://10.0.0.1:80")], of: web, at: Self.at(0))
        table.track([try instance("a", at: "http://10.0.0.2:80")], of: other, at: Self.at(0))
        Self.check(&table, at: 1) { $0.host == "10.0.0.1" ? Self.passed : Self.failed }
        #expect(table.takeReports().map { "\($0.place.namespace) \($0.failures)" } == ["default 0", "other 1"])
        table.track([], of: other, at: Self.at(2))
        #expect(table.count == 1)
    }

    @Test("an instance passes at once, fails after three failures in a row, and passes after one success")
    func thresholds() throws {
        var table = Self.table()
        table.track([try instance("a", at: "http://10.0.0.1:80")], of: web, at: Self.at(0))
        #expect(table.next == Self.at(0))
        Self.check(&table, at: 0) { _ in Self.passed }
        Self.expect(&table, ["a passing 0"])
        for second in [5.0, 10, 15, 20] { Self.check(&table, at: second) { _ in Self.failed } }
        Self.expect(&table, ["a passing 1", "a failing 3"])
        Self.check(&table, at: 25) { _ in Self.passed }
        Self.expect(&table, ["a passing 0"])
        Self.check(&table, at: 30) { _ in Self.failed }
        Self.check(&table, at: 35) { _ in Self.passed }
        Self.expect(&table, ["a passing 1", "a passing 0"])
        let isEarly = table.takeDue(at: Self.at(39.9)) != nil
        let isDue = table.takeDue(at: Self.at(40)) != nil
        #expect(!isEarly && isDue)
    }

    @Test("what failed stays failed until enough checks in a row passed")
    func successThreshold() throws {
        var table = Self.table(ProbeRules(failureThreshold: 1, successThreshold: 3, jitter: 0))
        table.track([try instance("a", at: "http://10.0.0.1:80")], of: web, at: Self.at(0))
        let history: [ProbeOutcome] = [
            Self.failed, Self.passed, Self.passed, Self.failed, Self.passed, Self.passed, Self.passed,
        ]
        for (index, outcome) in history.enumerated() { Self.check(&table, at: Double(5 * index)) { _ in outcome } }
        Self.expect(&table, ["a failing 1", "a failing 0", "a failing 1", "a failing 0", "a passing 0"])
    }

    @Test("one endpoint that fails makes the instance fail, and a unix one is not checked")
    func endpoints() throws {
        var table = Self.table(ProbeRules(failureThreshold: 2, jitter: 0))
        let both = try instance("a", at: "http://10.0.0.1:80", "grpc://10.0.0.1:81", "unix:///run/a.sock")
        table.track([both], of: web, at: Self.at(0))
        #expect(table.count == 2)
        let outcome = { (endpoint: Endpoint) in endpoint.scheme == "grpc" ? Self.failed : Self.passed }
        Self.check(&table, at: 0, outcome)
        Self.expect(&table, ["a unknown 1"])
        Self.check(&table, at: 5, outcome)
        Self.expect(&table, ["a failing 2"])
        let only = try instance("b", at: "unix:///run/b.sock")
        table.track([only], of: web, at: Self.at(6))
        #expect(table.count == 0 && table.next == nil && !table.hasReports)
    }

    @Test("a snapshot that comes again changes nothing, whatever it says of the instance's status")
    func snapshots() throws {
        var table = Self.table()
        let before = try instance("a", at: "http://10.0.0.1:80")
        table.track([before], of: web, at: Self.at(0))
        for second in [0.0, 5, 10] { Self.check(&table, at: second) { _ in Self.failed } }
        Self.expect(&table, ["a unknown 1", "a failing 3"])
        let again = try ServiceInstance(
            service: web,
            id: before.id,
            endpoints: before.endpoints,
            metadata: ["new": "yes"],
            status: .passing
        )
        table.track([again], of: web, at: Self.at(11))
        #expect(!table.hasReports)
        #expect(table.next == Self.at(15))
        Self.check(&table, at: 15) { _ in Self.failed }
        #expect(!table.hasReports)
    }

    @Test("a changed address is checked at once, and what was known of the former is gone")
    func changedAddress() throws {
        var table = Self.table()
        table.track([try instance("a", at: "http://10.0.0.1:80")], of: web, at: Self.at(0))
        for second in [0.0, 5, 10] { Self.check(&table, at: second) { _ in Self.failed } }
        _ = table.takeReports()
        let late = table.takeDue(at: Self.at(15))
        table.track([try instance("a", at: "http://10.0.0.2:80")], of: web, at: Self.at(15.5))
        Self.expect(&table, ["a unknown 0"])
        if let late { table.finish(late.token, Self.failed, at: Self.at(16)) }
        #expect(!table.hasReports)
        #expect(table.next == Self.at(15.5))
        Self.check(&table, at: 16) { endpoint in
            #expect(endpoint.host == "10.0.0.2")
            return Self.passed
        }
        Self.expect(&table, ["a passing 0"])
    }

    @Test("one of two endpoints changes, and the other keeps what is known")
    func keptEndpoint() throws {
        var table = Self.table(ProbeRules(failureThreshold: 2, jitter: 0))
        table.track([try instance("a", at: "http://10.0.0.1:80", "tcp://10.0.0.1:81")], of: web, at: Self.at(0))
        let outcome = { (endpoint: Endpoint) in endpoint.scheme == "http" ? Self.failed : Self.passed }
        Self.check(&table, at: 0, outcome)
        Self.check(&table, at: 5, outcome)
        _ = table.takeReports()
        table.track([try instance("a", at: "tcp://10.0.0.1:82", "http://10.0.0.1:80")], of: web, at: Self.at(6))
        #expect(!table.hasReports)
        Self.check(&table, at: 6, outcome)
        #expect(!table.hasReports)
        table.track([try instance("a", at: "tcp://10.0.0.1:82")], of: web, at: Self.at(7))
        Self.expect(&table, ["a passing 0"])
    }

    @Test("an instance that leaves is not checked, what was under way is dropped, and its return begins anew")
    func departure() throws {
        var table = Self.table()
        let instance = try instance("a", at: "http://10.0.0.1:80")
        table.track([instance], of: web, at: Self.at(0))
        for second in [0.0, 5, 10] { Self.check(&table, at: second) { _ in Self.failed } }
        let taken = table.takeDue(at: Self.at(15))
        let late = try #require(taken)
        table.track([], of: web, at: Self.at(15))
        #expect(table.count == 0 && table.next == nil && !table.hasReports)
        table.track([instance], of: web, at: Self.at(16))
        table.finish(late.token, Self.failed, at: Self.at(17))
        #expect(!table.hasReports)
        Self.check(&table, at: 17) { _ in Self.failed }
        Self.expect(&table, ["a unknown 1"])
    }

    @Test("the same id in two services shares nothing")
    func services() throws {
        var table = Self.table(ProbeRules(failureThreshold: 1, jitter: 0))
        let shop = try ServiceName("shop")
        table.track([try instance("a", at: "http://10.0.0.1:80")], of: web, at: Self.at(0))
        table.track([try instance("a", of: "shop", at: "http://10.0.0.2:80")], of: shop, at: Self.at(0))
        Self.check(&table, at: 0) { $0.host == "10.0.0.1" ? Self.failed : Self.passed }
        let verdicts = table.takeReports().map { "\($0.service.text) \($0.verdict.rawValue)" }
        #expect(Set(verdicts) == ["web failing", "shop passing"])
        table.track([], of: web, at: Self.at(1))
        #expect(table.count == 1)
    }

    @Test("of two instances with one id the last counts, and an endpoint that stands there twice is checked once")
    func repetitions() throws {
        var table = Self.table()
        let first = try instance("a", at: "http://10.0.0.1:80")
        let last = try instance("a", at: "http://10.0.0.2:80", "http://10.0.0.2:80")
        table.track([first, last], of: web, at: Self.at(0))
        #expect(table.count == 1)
        let attempt = table.takeDue(at: Self.at(0))
        #expect(attempt?.target.host == "10.0.0.2")
    }

    @Test("a verdict that grew too old becomes unknown, once")
    func age() throws {
        var table = Self.table()
        table.track([try instance("a", at: "http://10.0.0.1:80")], of: web, at: Self.at(0))
        for second in [0.0, 5, 10] { Self.check(&table, at: second) { _ in Self.failed } }
        _ = table.takeReports()
        let taken = table.takeDue(at: Self.at(15))
        let attempt = try #require(taken)
        #expect(table.next == Self.at(30))
        table.expire(at: Self.at(30))
        #expect(!table.hasReports)
        #expect(table.next == Self.at(40))
        table.expire(at: Self.at(40))
        Self.expect(&table, ["a unknown 0"])
        #expect(table.next == nil)
        table.finish(attempt.token, Self.passed, at: Self.at(41))
        Self.expect(&table, ["a passing 0"])
    }

    @Test("a check that could not be done changes nothing, and the verdict grows old")
    func inconclusive() throws {
        var table = Self.table()
        table.track([try instance("a", at: "http://10.0.0.1:80")], of: web, at: Self.at(0))
        Self.check(&table, at: 0) { _ in Self.passed }
        for second in stride(from: 5.0, to: 30, by: 5) {
            Self.check(&table, at: second) { _ in .inconclusive("none left") }
        }
        Self.expect(&table, ["a passing 0"])
        table.expire(at: Self.at(30))
        Self.expect(&table, ["a unknown 0"])
    }

    @Test("many that come at once are spread, and by their second check over a whole interval")
    func spread() throws {
        var table = Self.table(ProbeRules(interval: .seconds(2)))
        let many = try (0..<3000).map { try instance("a-\($0)", at: "http://10.0.0.1:80") }
        table.track(many, of: web, at: Self.at(0))
        var first: [Int] = []
        for millisecond in 0...200 {
            var count = 0
            Self.check(&table, at: Double(millisecond) / 1000) { _ in
                count += 1
                return Self.passed
            }
            first.append(count)
        }
        #expect(first.reduce(0, +) == 3000)
        #expect((first.max() ?? 0) < 50)
        var second = [Int](repeating: 0, count: 10)
        for tick in 21...220 {
            Self.check(&table, at: Double(tick) / 100) { _ in
                second[(tick - 21) / 20] += 1
                return Self.passed
            }
        }
        #expect(second[1..<9].allSatisfy { (200...400).contains($0) }, "\(second)")
    }

    @Test("a new start forgets verdicts and checks at once")
    func reset() throws {
        var table = Self.table()
        table.track([try instance("a", at: "http://10.0.0.1:80", "unix:///a")], of: web, at: Self.at(0))
        for second in [0.0, 5, 10] { Self.check(&table, at: second) { _ in Self.failed } }
        table.reset(at: Self.at(60))
        #expect(!table.hasReports && table.count == 1 && table.next == Self.at(60))
        Self.check(&table, at: 60) { _ in Self.failed }
        Self.expect(&table, ["a unknown 1"])
    }
}
