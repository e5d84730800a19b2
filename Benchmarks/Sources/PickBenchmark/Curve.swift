import BenchmarkSupport
import Rollcall

/// What looking a service up costs, and what it takes until a change can be chosen, by the number of its instances.
enum Curve {
    /// The policies whose tables differ most in what it takes to make them.
    private static let policies: [(name: String, balancer: any Balancer)] = [
        ("random", .random), ("weighted", .weighted), ("consistent_hash", .consistentHash),
    ]

    static func figures(_ instances: [ServiceInstance]) async throws -> [Figure] {
        // Drivers deliver them in order of their ids.
        let service = try ServiceName("web")
        let instances = ServiceSnapshot(service: service, instances: instances, revision: 1, source: "").instances
        var figures = try await self.withClient(.random, instances) { discovery, service, _ in
            try await self.lookups(discovery, service, instances.count)
        }
        for (name, balancer) in self.policies {
            figures += try await self.withClient(balancer, instances) { discovery, service, backend in
                [try self.push(name, discovery, service, backend, instances)]
            }
        }
        return figures
    }

    private static func lookups(
        _ discovery: Discovery,
        _ service: ServiceName,
        _ size: Int
    ) async throws -> [Figure] {
        let count = 500_000
        let id = try InstanceID("web-\(size / 2)")
        var sum = 0
        let read = Measure.cpu(count: count) {
            for _ in 0..<count { sum &+= discovery.currentSnapshot(of: service)?.instances.count ?? 0 }
        }
        let allocations = Measure.allocations {
            for _ in 0..<count { sum &+= discovery.currentSnapshot(of: service)?.instances.count ?? 0 }
        }
        let byID = Measure.cpu(count: count) {
            for _ in 0..<count { sum &+= discovery.currentSnapshot(of: service)?[id]?.weight ?? 0 }
        }
        var waiting = Double.infinity
        for _ in 0..<5 {
            let time = try await Measure.wall {
                for _ in 0..<count { sum &+= try await discovery.snapshot(of: service).instances.count }
            }
            waiting = min(waiting, time / Double(count))
        }
        precondition(sum > count, "every look-up found the instances")
        return [
            Figure("lookup.snapshot.\(size).ns", read, "ns"),
            allocations.map { Figure("lookup.snapshot.\(size).allocations", $0 / Double(count), "for each") },
            Figure("lookup.by_id.\(size).ns", byID, "ns"),
            Figure("lookup.awaited.\(size).ns", waiting, "ns"),
        ].compactMap(\.self)
    }

    /// From the moment in which a backend has heard of a change of one instance to the one in which it can be chosen.
    private static func push(
        _ name: String,
        _ discovery: Discovery,
        _ service: ServiceName,
        _ backend: PushingBackend,
        _ instances: [ServiceInstance]
    ) throws -> Figure {
        let place = instances.count / 2
        let changed = try (5...6).map { try instances[place].applying(InstanceChange(weight: $0)) }
        let count = max(2, min(1000, 200_000 / instances.count))
        let time = Measure.cpu(count: count, runs: 5) {
            for number in 0..<count {
                let instance = changed[number % 2]
                backend.push(instance, at: place)
                precondition(discovery.currentSnapshot(of: service)?[instance.id] == instance, "it is there at once")
            }
        }
        return Figure("push.\(name).\(instances.count).us", time / 1000, "us")
    }

    private static func withClient<Value>(
        _ balancer: any Balancer,
        _ instances: [ServiceInstance],
        _ body: (Discovery, ServiceName, PushingBackend) async throws -> Value
    ) async throws -> Value {
        let service = try ServiceName("web")
        let backend = PushingBackend(service, instances)
        let configuration = RollcallConfiguration(discovery: DiscoveryConfiguration(balancer: balancer))
        return try await withRollcallClient(RollcallClient(registry: backend, configuration: configuration)) { client in
            _ = try await client.discovery.snapshot(of: service)
            return try await body(client.discovery, service, backend)
        }
    }
}
