@testable import Rollcall

/// Makes random histories, the same for the same seed.
struct HistoryGenerator {
    private static let ids = 0..<7

    private var generator: SplitMix64
    private let seed: UInt64
    /// What the registry has.
    private var registry: [Plain] = []
    private var ill: [Int] = []
    /// What all weights are multiples of.
    private var unit = 1

    init(seed: UInt64) {
        self.seed = seed
        self.generator = SplitMix64(seed: SplitMix64(seed: seed).first)
    }

    /// Makes a history.
    ///
    /// - Parameters:
    ///   - count: How many steps it has.
    ///   - policy: The policy; by default any.
    /// - Returns: The history.
    mutating func history(_ count: Int, policy: PlainSetup.Policy? = nil) -> History {
        var setup = PlainSetup(policy: policy ?? self.any(PlainSetup.Policy.allCases))
        if self.chance(80) {
            setup.outliers = OutlierDetection(
                consecutiveFailures: self.number(1...3),
                baseTime: .seconds(10),
                maximumTime: .seconds(25),
                maximumShare: self.any([0.3, 0.5, 0.5, 1])
            )
        }
        setup.filter = self.chance(85) ? .passing : .any
        setup.panicThreshold = self.any([0.3, 0.3, 0, 0.6])
        setup.slowStart = self.chance(20) ? 20_000 : 0
        if self.chance(15) { setup.collapse = .off }
        self.unit = self.any([1, 1, 2])
        self.registry = Self.ids.map { Plain(id: $0, weight: self.unit) }.filter { _ in self.chance(80) }
        self.ill = Self.ids.filter { _ in self.chance(30) }
        var steps = self.chance(90) ? [Step.deliver(self.registry, departed: [:])] : []
        while steps.count < count { steps.append(self.step()) }
        return History(seed: self.seed, setup: setup, steps: steps)
    }

    private mutating func step() -> Step {
        switch self.number(0...99) {
        case 0..<20: self.delivery()
        case 20..<23: .watchBreaks
        case 23..<35: .advance(milliseconds: self.any([1, 300, 1000, 3000, 5000, 10_000, 20_000]))
        case 35..<41: self.look()
        case 41..<44: .local(self.someLocal(), isInstead: self.chance(40))
        case 44..<51: self.probe()
        case 51..<67: .pick(self.choice(), key: self.chance(50) ? self.number(0...3) : nil)
        case 67..<72: .pickByPicker
        case 72..<75: .pickAnother(than: Self.ids.filter { _ in self.chance(40) })
        case 75..<82: .begin(self.choice())
        case 82..<87: .finish(place: self.number(0...9), self.any([.success, .success, .failure, .ignored]))
        case 87..<89: .abandon(place: self.number(0...9))
        case 89..<96: .calls(count: self.number(1...12), ill: self.whoIsIll())
        default: .failOver(self.choice(), attempts: self.number(1...8), failures: self.number(0...8))
        }
    }

    private mutating func delivery() -> Step {
        let former = self.registry
        switch self.number(0...9) {
        case 0...5: self.changeOne()
        case 6: self.registry = former.filter { _ in self.chance(40) }
        case 7: self.registry = []
        case 8: self.registry = Self.ids.map { id in former.first { $0.id == id } ?? Plain(id: id, weight: self.unit) }
        default: break
        }
        var departed: [Int: DepartureReason] = [:]
        // Also of those who are long gone: they may have come and gone between two deliveries.
        for id in Self.ids where !self.registry.contains(where: { $0.id == id }) {
            if former.contains(where: { $0.id == id }) || self.chance(5) {
                departed[id] = self.any([nil, .expired, .expired, .unknown, .deregistered])
            }
        }
        return .deliver(self.registry, departed: departed, isStale: self.chance(3))
    }

    private mutating func changeOne() {
        let id = self.any(Array(Self.ids))
        guard let index = self.registry.firstIndex(where: { $0.id == id }) else {
            self.registry.append(self.changed(Plain(id: id, weight: self.unit)))
            return
        }
        if self.chance(30) {
            self.registry.remove(at: index)
        } else {
            self.registry[index] = self.changed(self.registry[index])
        }
    }

    private mutating func changed(_ plain: Plain) -> Plain {
        var plain = plain
        switch self.number(0...5) {
        case 0: plain.status = self.any(HealthStatus.allCases)
        case 1: plain.weight = self.number(0...3) * self.unit
        case 2: plain.zone = self.any([nil, "a", "a", "b"])
        case 3: plain.isBlue.toggle()
        case 4: plain.port = self.number(1...2)
        default: plain.status = .passing
        }
        return plain
    }

    private mutating func look() -> Step {
        let told = self.registry
        if self.chance(50) { self.changeOne() }
        if self.chance(15) { self.registry = self.registry.filter { _ in self.chance(30) } }
        let read = self.registry
        // Now and then the registry is wrong once and the watch remains right.
        if self.chance(30) { self.registry = told }
        return .look(read, overtakenBy: self.chance(15) ? told : nil)
    }

    private mutating func someLocal() -> [Plain] {
        guard self.chance(60) else { return [] }
        return [Plain(id: self.number(5...6), port: 2), Plain(id: 7), Plain(id: 8, zone: "a")].filter { _ in
            self.chance(60)
        }
    }

    private mutating func probe() -> Step {
        let verdict: ProbeVerdict = self.any([.unknown, .passing, .passing, .failing, .failing])
        let failures =
            switch verdict {
            case .failing: self.number(1...3)
            case .passing: self.chance(20) ? 1 : 0
            case .unknown: 0
            }
        return .probe(id: self.number(0...8), verdict, failures: failures)
    }

    private mutating func whoIsIll() -> [Int] {
        if self.chance(10) { self.ill = Self.ids.filter { _ in self.chance(30) } }
        return self.chance(15) ? [] : self.ill
    }

    private mutating func choice() -> PlainChoice {
        switch self.number(0...9) {
        case 0...5: .configured
        case 6, 7: .also(self.any(PlainFilter.allCases))
        default: .only(self.any(PlainFilter.allCases))
        }
    }

    private mutating func chance(_ percent: Int) -> Bool { self.number(0...99) < percent }

    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self.generator) }

    private mutating func any<Value>(_ values: [Value]) -> Value { values[self.number(0...values.count - 1)] }
}

extension SplitMix64 {
    /// The first number of a generator.
    fileprivate var first: UInt64 {
        var copy = self
        return copy.next()
    }
}
