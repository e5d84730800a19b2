import Rollcall
import RollcallTesting
import Testing

/// Another harness, of which all that is read comes through a discovery with its guards on.
struct GuardedHarness: RegistryHarness {
    private let base: any RegistryHarness
    private let rules: CollapseRules
    let watchCycles: Int
    private let neighbours = GuardedBackend.Neighbours()

    /// Puts guards before a harness.
    ///
    /// - Parameters:
    ///   - base: The harness.
    ///   - rules: When the guards do not believe the registry; by default for the time-to-live of the harness's leases.
    ///   - watchCycles: How many watches C13 opens and cancels; by default as many as without guards.
    init(_ base: any RegistryHarness, rules: CollapseRules? = nil, watchCycles: Int? = nil) {
        self.base = base
        self.watchCycles = watchCycles ?? base.watchCycles
        self.rules = rules ?? CollapseRules(ttl: base.shortTTL)
    }

    var name: String { "\(self.base.name) behind guards" }
    var shortTTL: Duration { self.base.shortTTL }
    var lossSlack: Duration { self.rules.timeBox }

    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend {
        let configuration = DiscoveryConfiguration(collapse: self.rules)
        let backend = try await self.base.makeBackend(namespace: namespace)
        return GuardedBackend(backend, configuration: configuration, neighbours: self.neighbours)
    }

    func setReachable(_ isReachable: Bool) async throws { try await self.base.setReachable(isReachable) }

    func wipe() async throws { try await self.base.wipe() }

    func serverSideWatches() async throws -> Int? { try await self.base.serverSideWatches() }
}

extension RegistryContractTests {
    /// The contract is proved below the guards; callers have it through them, and lose none of it.
    @Suite("behind guards", .serialized, .timeLimit(.minutes(5)))
    struct Guarded {
        @Test("memory", arguments: RegistryContract.lines)
        func memory(_ line: RegistryContract.Line) async throws {
            try await line.run(on: GuardedHarness(MemoryHarness()))
        }

        @Test("hub", arguments: RegistryContract.lines)
        func hub(_ line: RegistryContract.Line) async throws {
            // Each cycle asks the hub and watches it.
            try await HubHarness.withHub { try await line.run(on: GuardedHarness($0, watchCycles: 2000)) }
        }

        @Test("a loss that is not believed at once is believed by the end of the usual time box")
        func usualTimeBox() async throws {
            for line in RegistryContract.lines where line.name == "C3" {
                try await line.run(on: GuardedHarness(MemoryHarness(), rules: CollapseRules()))
            }
        }
    }
}
