import BenchmarkSupport
import Foundation
import Rollcall

/// Measures what a choice costs: by policy, by the number of instances, shared and owned, on one thread and on two.
///
/// `PickBenchmark FILE [curve | changes]` writes the figures into a file, with `curve` up to a million instances, and then
/// also what look-ups and changes cost; with `changes` that alone.
@main
enum PickBenchmark {
    static let policies: [(name: String, balancer: any Balancer)] = [
        ("round_robin", .roundRobin), ("random", .random), ("weighted", .weighted),
        ("two_choices", .leastOutstanding), ("ewma", .peakEWMA), ("consistent_hash", .consistentHash),
    ]

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        let hasChoices = !arguments.contains("changes")
        let isCurve = arguments.contains("curve") || !hasChoices
        let sizes = isCurve ? [10, 100, 1000, 10_000, 100_000, 1_000_000] : [10, 1000]
        var figures: [Figure] = []
        func note(_ measured: [Figure]) {
            for figure in measured { print(figure.line) }
            figures += measured
        }
        for size in sizes {
            let peer = hasChoices ? try self.byHand(size) : 0
            for (name, balancer) in hasChoices ? self.policies : [] {
                note(try await self.figures(name, balancer, size, peer: peer))
            }
            if isCurve { note(try await Curve.figures(try self.instances(size))) }
        }
        if hasChoices { note(try await self.calls()) }
        guard let path = arguments.first else { return }
        let json = "[\n" + figures.map { $0.json(suite: "pick") }.joined(separator: ",\n") + "\n]\n"
        try json.write(toFile: path, atomically: true, encoding: .utf8)
    }

    /// What a program does without a library: filter, then take one at random.
    private static func byHand(_ size: Int) throws -> Double {
        let instances = try self.instances(size)
        let count = max(20, 200_000 / size)
        var sum = 0
        return Measure.cpu(count: count, runs: 3) {
            for _ in 0..<count {
                let usable = instances.filter { $0.status == .passing && $0.weight > 0 }
                sum &+= usable.randomElement()?.weight ?? 0
            }
        }
    }

    private static func figures(
        _ name: String,
        _ balancer: any Balancer,
        _ size: Int,
        peer: Double
    ) async throws -> [Figure] {
        try await self.withClient(balancer, size) { discovery, service in
            let count = 1_000_000
            let key = balancer is ConsistentHashBalancer ? "user-4711" : nil
            var picker = discovery.picker(for: service)
            var sum = 0
            let own = Measure.cpu(count: count) {
                for _ in 0..<count { sum &+= picker.pick(key: key)?.weight ?? 0 }
            }
            let allocations = Measure.allocations {
                for _ in 0..<count { sum &+= picker.pick(key: key)?.weight ?? 0 }
            }
            let shared = try Measure.cpu(count: count) {
                for _ in 0..<count { sum &+= try discovery.pick(service, key: key).weight }
            }
            let sharedAllocations = try Measure.allocations {
                for _ in 0..<count { sum &+= try discovery.pick(service, key: key).weight }
            }
            precondition(sum > count, "every pick gave an instance")
            let prefix = "pick.\(name).\(size)"
            let hand = ("filter and choose by hand", peer)
            let alone = [
                Figure("\(prefix).ns", own, "ns", peer: hand),
                allocations.map { Figure("\(prefix).allocations", $0 / Double(count), "for each") },
                Figure("\(prefix).shared.ns", shared, "ns", peer: hand),
                sharedAllocations.map { Figure("\(prefix).shared.allocations", $0 / Double(count), "for each") },
            ].compactMap(\.self)
            // What threads do to each other does not depend on the number of instances.
            return size > 1000 ? alone : alone + (await self.threads(prefix, discovery, service, key))
        }
    }

    private static func threads(
        _ prefix: String,
        _ discovery: Discovery,
        _ service: ServiceName,
        _ key: String?
    ) async -> [Figure] {
        let onePicker = await self.parallel(1, discovery, service, key)
        let twoPickers = await self.parallel(2, discovery, service, key)
        let twoShared = await self.sharedByTwo(discovery, service, key)
        return [
            Figure("\(prefix).two_threads.share", onePicker / twoPickers * 100, "%"),
            Figure("\(prefix).shared.two_threads.ns", twoShared, "ns"),
        ]
    }

    /// The time of one pick, when each of `threads` has a picker of its own.
    private static func parallel(
        _ threads: Int,
        _ discovery: Discovery,
        _ service: ServiceName,
        _ key: String?
    ) async -> Double {
        let count = 2_000_000
        var best = Double.infinity
        for _ in 0..<5 {
            let time = await Measure.wall {
                await withTaskGroup(of: Int.self) { group in
                    for _ in 0..<threads {
                        group.addTask {
                            var picker = discovery.picker(for: service)
                            var sum = 0
                            for _ in 0..<count { sum &+= picker.pick(key: key)?.weight ?? 0 }
                            return sum
                        }
                    }
                }
            }
            best = min(best, time / Double(count))
        }
        return best
    }

    private static func sharedByTwo(_ discovery: Discovery, _ service: ServiceName, _ key: String?) async -> Double {
        let count = 1_000_000
        var best = Double.infinity
        for _ in 0..<5 {
            let time = await Measure.wall {
                await withTaskGroup(of: Int.self) { group in
                    for _ in 0..<2 {
                        group.addTask {
                            var sum = 0
                            for _ in 0..<count { sum &+= (try? discovery.pick(service, key: key).weight) ?? 0 }
                            return sum
                        }
                    }
                }
            }
            best = min(best, time / Double(count))
        }
        return best
    }

    /// What `withInstance` adds to a call, with outlier detection and feedback on.
    private static func calls() async throws -> [Figure] {
        try await self.withClient(.roundRobin, 10) { discovery, service in
            let count = 500_000
            var (best, bare) = (Double.infinity, Double.infinity)
            for _ in 0..<5 {
                let time = try await Measure.wall {
                    for _ in 0..<count {
                        try await discovery.withInstance(of: service) { await Self.call($0) }
                    }
                }
                best = min(best, time / Double(count))
                let instance = try discovery.pick(service)
                bare = min(
                    bare,
                    await Measure.wall { for _ in 0..<count { await Self.call(instance) } } / Double(count)
                )
            }
            return [Figure("call.with_instance.added.ns", best - bare, "ns")]
        }
    }

    @inline(never)
    private static func call(_ instance: ServiceInstance) async { precondition(instance.weight > 0) }

    private static func withClient<Value>(
        _ balancer: any Balancer,
        _ size: Int,
        _ body: (Discovery, ServiceName) async throws -> Value
    ) async throws -> Value {
        let instances = try self.instances(size)
        let service = try ServiceName("web")
        var configuration = RollcallConfiguration(discovery: DiscoveryConfiguration(balancer: balancer))
        configuration.discovery.local[service] = LocalInstances(instances)
        let client = RollcallClient(registry: NoopBackend(), configuration: configuration)
        return try await withRollcallClient(client) { client in
            _ = try await client.discovery.instance(of: service)
            return try await body(client.discovery, service)
        }
    }

    private static func instances(_ count: Int) throws -> [ServiceInstance] {
        let service = try ServiceName("web")
        return try (0..<count).map { number in
            try ServiceInstance(
                service: service,
                id: InstanceID("web-\(number)"),
                endpoints: [Endpoint(scheme: "http", host: "10.0.0.1", port: 1 + number % 65000)],
                weight: 1 + number % 4
            )
        }
    }
}
