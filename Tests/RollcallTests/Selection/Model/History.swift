import Synchronization

@testable import Rollcall

/// An instance of a history, as plain as can be.
struct Plain: Hashable, Sendable, CustomStringConvertible {
    static let service = "web"
    /// The ids that there are, each made once.
    static let ids = (0..<10).compactMap { try? InstanceID("i\($0)") }
    private static let made = Mutex<[Plain: ServiceInstance]>([:])

    var id: Int
    /// At another port it is another one.
    var port = 1
    var weight = 1
    var zone: String?
    var status = HealthStatus.passing
    var isBlue = false

    /// The same for the product; made once, since each is checked against the limits of the model.
    var instance: ServiceInstance {
        get throws {
            if let known = Self.made.withLock({ $0[self] }) { return known }
            let instance = try ServiceInstance(
                service: ServiceName(Self.service),
                id: Self.ids[self.id],
                endpoints: [Endpoint(scheme: "http", host: "127.0.0.1", port: self.port)],
                zone: self.zone,
                weight: self.weight,
                tags: self.isBlue ? ["blue"] : [],
                status: self.status
            )
            Self.made.withLock { $0[self] = instance }
            return instance
        }
    }

    var description: String {
        let words = [
            "\(self.id):\(self.port)", self.weight == 1 ? nil : "w\(self.weight)", self.zone,
            self.status == .passing ? nil : self.status.rawValue, self.isBlue ? "blue" : nil,
        ]
        return words.compactMap(\.self).joined(separator: " ")
    }
}

/// A filter of a history.
enum PlainFilter: String, CaseIterable, Sendable {
    case passing, any, zoneA, blue, nobody

    func accepts(_ plain: Plain) -> Bool {
        switch self {
        case .passing: plain.status == .passing && plain.weight > 0
        case .any: true
        case .zoneA: plain.zone == "a"
        case .blue: plain.isBlue
        case .nobody: false
        }
    }

    var filter: InstanceFilter {
        switch self {
        case .passing: .passing
        case .any: .any
        case .zoneA: .zone("a")
        case .blue: .tags("blue")
        case .nobody: !.any
        }
    }
}

/// How a call of a history goes together with the configured filter.
enum PlainChoice: Hashable, Sendable {
    case configured
    case also(PlainFilter)
    case only(PlainFilter)

    var choice: FilterChoice {
        switch self {
        case .configured: .configured
        case .also(let filter): .also(filter.filter)
        case .only(let filter): .only(filter.filter)
        }
    }
}

/// One thing that happens.
enum Step: Sendable {
    /// The watch delivers.
    case deliver([Plain], departed: [Int: DepartureReason], isStale: Bool = false)
    case watchBreaks
    case advance(milliseconds: Int)
    /// The registry is asked past the watch, which may tell something before the answer is there.
    case look([Plain], overtakenBy: [Plain]? = nil)
    case local([Plain], isInstead: Bool)
    case probe(id: Int, ProbeVerdict, failures: Int)
    case pick(PlainChoice, key: Int?)
    case pickByPicker
    case pickAnother(than: [Int])
    case begin(PlainChoice)
    /// The call ends that has a place in the list of those under way, modulo their number.
    case finish(place: Int, CallOutcome)
    case abandon(place: Int)
    /// Calls one after the other, which fail at those that are ill.
    case calls(count: Int, ill: [Int])
    /// A call that is tried at several instances, as it fails at the first.
    case failOver(PlainChoice, attempts: Int, failures: Int)

    /// Whether it cannot change anything of what is known.
    var isChoice: Bool {
        switch self {
        case .pick, .pickByPicker, .pickAnother: true
        default: false
        }
    }
}

/// How choices are made in a history.
struct PlainSetup: Sendable {
    enum Policy: String, CaseIterable, Sendable {
        case roundRobin, weighted, random, leastOutstanding, peakEWMA, consistentHash, zone, subset
    }

    static let subsetSize = 3

    var policy: Policy
    var filter = PlainFilter.passing
    var outliers: OutlierDetection?
    var panicThreshold = 0.3
    var slowStart = 0
    var collapse = CollapseRules()

    var balancer: any Balancer {
        switch self.policy {
        case .roundRobin: .roundRobin
        case .weighted: .weighted
        case .random: .random
        case .leastOutstanding: .leastOutstanding
        case .peakEWMA: .peakEWMA
        case .consistentHash: .consistentHash
        case .zone: .zone("a")
        case .subset: SubsetBalancer(size: Self.subsetSize, caller: "me")
        }
    }

    var configuration: DiscoveryConfiguration {
        var configuration = DiscoveryConfiguration(
            filter: self.filter.filter,
            balancer: self.balancer,
            outliers: self.outliers,
            collapse: self.collapse
        )
        configuration.panicThreshold = self.panicThreshold
        configuration.slowStart = .milliseconds(self.slowStart)
        configuration.refreshInterval = .seconds(1_000_000)
        configuration.idleTimeout = .seconds(1_000_000)
        return configuration
    }
}

/// A history: a setup and what happens one after the other.
struct History: Sendable, CustomStringConvertible {
    let seed: UInt64
    let setup: PlainSetup
    var steps: [Step]

    var description: String {
        let steps = self.steps.enumerated().map { "  \($0.offset): \($0.element)" }.joined(separator: "\n")
        return "seed \(self.seed), \(self.setup)\n\(steps)"
    }
}
