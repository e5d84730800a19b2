import Testing

@testable import Rollcall

/// The guard against a registry that says that most of a service is gone, as a value.
@Suite("Collapse guard")
struct CollapseGuardTests {
    private let service: ServiceName
    private let all: [ServiceInstance]

    init() throws {
        self.service = try ServiceName("web")
        self.all = try BalancerTests.pool(10).instances
    }

    private func moment(_ seconds: Double) -> TimeSource.Instant {
        TimeSource.Instant(elapsed: .milliseconds(Int64(seconds * 1000)))
    }

    private func instances(_ indices: Range<Int>) -> [ServiceInstance] { Array(self.all[indices]) }

    private func makeGuard(_ indices: Range<Int>, _ rules: CollapseRules = CollapseRules()) -> CollapseGuard {
        var guardian = CollapseGuard(rules, for: self.service)
        #expect(guardian.accept(self.instances(indices), departed: [:], at: moment(0)).isEmpty)
        return guardian
    }

    private func ids(_ indices: Range<Int>) -> Set<InstanceID> { Set(self.instances(indices).map(\.id)) }

    @Test("all gone: all are held until the time box ends, and then leave for the reason that was given")
    func allGone() {
        var guardian = self.makeGuard(0..<3)
        let reasons = Dictionary(uniqueKeysWithValues: self.ids(0..<3).map { ($0, DepartureReason.expired) })
        #expect(guardian.accept([], departed: reasons, at: moment(1)).isEmpty)
        #expect(Set(guardian.held.keys) == self.ids(0..<3))
        #expect(guardian.nextRelease == moment(21))
        #expect(guardian.release(at: moment(20)).isEmpty)
        #expect(guardian.release(at: moment(21)) == reasons)
        #expect(guardian.held.isEmpty)
    }

    @Test("a clock that jumps ahead lets all go that are held, once, and begins no loss of its own")
    func jump() {
        var guardian = self.makeGuard(0..<4)
        #expect(guardian.accept([], departed: [:], at: moment(1)).isEmpty)
        #expect(Set(guardian.release(at: moment(86_400)).keys) == self.ids(0..<4))
        #expect(guardian.release(at: moment(86_401)).isEmpty)
        #expect(guardian.nextRelease == nil)
        #expect(guardian.accept(self.instances(0..<4), departed: [:], at: moment(172_800)).isEmpty)
        #expect(guardian.held.isEmpty)
    }

    @Test("the last one too, unless it was deregistered")
    func last() {
        var guardian = self.makeGuard(0..<1)
        #expect(guardian.accept([], departed: [:], at: moment(1)).isEmpty)
        #expect(guardian.held.count == 1)
        var other = self.makeGuard(0..<1)
        let id = self.all[0].id
        #expect(other.accept([], departed: [id: .deregistered], at: moment(1)) == [id: .deregistered])
        #expect(other.held.isEmpty)
    }

    @Test("more than half of at least four is held; half is believed, and so is any loss of three")
    func thresholds() {
        var guardian = self.makeGuard(0..<4)
        #expect(guardian.accept(self.instances(0..<2), departed: [:], at: moment(1)).count == 2)
        #expect(guardian.held.isEmpty)
        var more = self.makeGuard(0..<4)
        #expect(more.accept(self.instances(0..<1), departed: [:], at: moment(1)).isEmpty)
        #expect(more.held.count == 3)
        var three = self.makeGuard(0..<3)
        #expect(three.accept(self.instances(0..<1), departed: [:], at: moment(1)).count == 2)
        #expect(three.held.isEmpty)
    }

    @Test("losses within one time-to-live count together, older ones do not")
    func window() {
        var guardian = self.makeGuard(0..<10)
        for left in stride(from: 9, through: 5, by: -1) {
            let now = moment(Double(10 - left))
            #expect(guardian.accept(self.instances(0..<left), departed: [:], at: now).count == 1)
        }
        // The sixth of ten within the time: those that were let go are held again.
        #expect(guardian.accept(self.instances(0..<4), departed: [:], at: moment(6)).isEmpty)
        #expect(Set(guardian.held.keys) == self.ids(4..<10))

        var slow = self.makeGuard(0..<10)
        for left in stride(from: 9, through: 1, by: -1) {
            let now = moment(Double(10 - left) * 6)
            #expect(slow.accept(self.instances(0..<left), departed: [:], at: now).count == 1)
        }
        #expect(slow.held.isEmpty)
    }

    @Test("one that died is not brought back when the others leave in good order soon after")
    func goodOrderAfterDeath() {
        var guardian = self.makeGuard(0..<2)
        let (dead, leaving) = (self.all[0].id, self.all[1].id)
        #expect(guardian.accept(self.instances(1..<2), departed: [dead: .expired], at: moment(1)) == [dead: .expired])
        #expect(guardian.accept([], departed: [leaving: .deregistered], at: moment(2)) == [leaving: .deregistered])
        #expect(guardian.held.isEmpty)
    }

    @Test("a held one that comes back is held no more, and one that is deregistered leaves at once")
    func returns() {
        var guardian = self.makeGuard(0..<4)
        _ = guardian.accept([], departed: [:], at: moment(1))
        #expect(guardian.accept(self.instances(0..<2), departed: [:], at: moment(2)).isEmpty)
        #expect(Set(guardian.held.keys) == self.ids(2..<4))
        let id = self.all[2].id
        let left = guardian.accept(self.instances(0..<2), departed: [id: .deregistered], at: moment(3))
        #expect(left == [id: .deregistered])
        #expect(Set(guardian.held.keys) == self.ids(3..<4))
    }

    @Test("evidence ends it sooner: a fresh look that agrees, and a failure of each")
    func evidence() {
        var guardian = self.makeGuard(0..<2)
        _ = guardian.accept([], departed: [:], at: moment(1))
        #expect(guardian.isInDoubt)
        let (first, second) = (self.all[0].id, self.all[1].id)
        #expect(guardian.noteFailure(of: first).isEmpty, "a failure alone is no proof")
        #expect(guardian.confirm(self.instances(0..<1)).isEmpty, "the registry shows it after all")
        #expect(guardian.confirm([]) == [first: .unknown])
        #expect(!guardian.isInDoubt)
        #expect(guardian.noteFailure(of: second) == [second: .unknown])
        #expect(guardian.noteFailure(of: second).isEmpty)
    }

    @Test("in maintenance last, and no reason known: it left in good order")
    func maintenance() throws {
        let leaving = try self.all[0].applying(InstanceChange(status: .maintenance))
        var guardian = CollapseGuard(CollapseRules(), for: self.service)
        _ = guardian.accept([leaving], departed: [:], at: moment(0))
        #expect(guardian.accept([], departed: [:], at: moment(1)) == [leaving.id: .deregistered])
    }

    @Test("off, or for a service that is exempt, everything is believed")
    func off() {
        for rules in [CollapseRules.off, CollapseRules(exempt: [self.service])] {
            var guardian = self.makeGuard(0..<5, rules)
            #expect(guardian.accept([], departed: [:], at: moment(1)).count == 5)
            #expect(guardian.held.isEmpty)
        }
    }

    @Test(
        "the time box is twice the time-to-live, but from 5 s to 30 s",
        arguments: [(1, 5), (4, 8), (10, 20), (60, 30)]
    )
    func timeBox(_ ttl: Int, _ box: Int) {
        #expect(CollapseRules(ttl: .seconds(ttl)).timeBox == .seconds(box))
    }

    @Test("random histories: what is shown is what a plain model shows", arguments: 0..<50)
    func model(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var guardian = CollapseGuard(CollapseRules(), for: self.service)
        var model = PlainModel(rules: CollapseRules())
        var shown: Set<InstanceID> = []
        var now = 0.0
        for _ in 0..<200 {
            now += Double.random(in: 0...6, using: &generator)
            var left: [InstanceID: DepartureReason] = [:]
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<6:
                let shares: [Double] = [0, 0.3, 0.6, 0.9, 1]
                let share = shares[Int.random(in: shares.indices, using: &generator)]
                var present: [ServiceInstance] = []
                for instance in self.all where Double.random(in: 0..<1, using: &generator) < share {
                    present.append(instance)
                }
                let gone = Set(self.all.map(\.id)).subtracting(present.map(\.id))
                var departed: [InstanceID: DepartureReason] = [:]
                for id in gone {
                    switch Int.random(in: 0..<4, using: &generator) {
                    case 0: departed[id] = .deregistered
                    case 1: departed[id] = .expired
                    default: break
                    }
                }
                left = guardian.accept(present, departed: departed, at: moment(now))
                model.accept(Set(present.map(\.id)), departed, now)
            case 6:
                var read: [ServiceInstance] = []
                for instance in self.all where Bool.random(using: &generator) { read.append(instance) }
                left = guardian.confirm(read)
                model.confirm(Set(read.map(\.id)))
            case 7, 8:
                let id = self.all[Int.random(in: 0..<10, using: &generator)].id
                left = guardian.noteFailure(of: id)
                model.fail(id)
            default:
                left = guardian.release(at: moment(now))
                model.release(now)
            }
            let visible = model.present.union(guardian.held.keys)
            #expect(Set(guardian.held.keys) == Set(model.held.keys))
            for id in shown.subtracting(visible) { #expect(left[id] != nil, "who leaves has a reason") }
            for id in left.keys { #expect(!visible.contains(id), "who left is not shown") }
            shown = visible
        }
    }
}

/// The rule as one would write it down, in sets and without care for speed.
private struct PlainModel {
    struct Hold {
        let until: Double
        var failed = false
        var confirmed = false
    }

    let rules: CollapseRules
    var present: Set<InstanceID> = []
    var lostAt: [InstanceID: Double] = [:]
    var held: [InstanceID: Hold] = [:]

    init(rules: CollapseRules) { self.rules = rules }

    mutating func accept(_ now: Set<InstanceID>, _ departed: [InstanceID: DepartureReason], _ time: Double) {
        let ttl = Double(self.rules.ttl.components.seconds)
        self.lostAt = self.lostAt.filter { $0.value + ttl > time }
        let lost = self.present.subtracting(now).filter { departed[$0] != .deregistered }
        for id in lost { self.lostAt[id] = time }
        self.present = now
        let returned = { (id: InstanceID) in now.contains(id) || departed[id] == .deregistered }
        self.lostAt = self.lostAt.filter { !returned($0.key) }
        self.held = self.held.filter { !returned($0.key) }
        let missing = self.lostAt.count + self.held.count
        let isAll = now.isEmpty && missing > 0
        let isMost = missing + now.count >= 4 && missing * 2 > missing + now.count
        guard !lost.isEmpty, isAll || isMost else { return }
        let end = time + Double(self.rules.timeBox.components.seconds)
        for id in self.lostAt.keys { self.held[id] = Hold(until: end) }
        self.lostAt = [:]
    }

    mutating func confirm(_ read: Set<InstanceID>) {
        for id in self.held.keys { self.held[id]?.confirmed = !read.contains(id) }
        self.settle()
    }

    mutating func fail(_ id: InstanceID) {
        self.held[id]?.failed = true
        self.settle()
    }

    mutating func release(_ time: Double) { self.held = self.held.filter { $0.value.until > time + 1e-9 } }

    private mutating func settle() { self.held = self.held.filter { !($0.value.failed && $0.value.confirmed) } }
}
