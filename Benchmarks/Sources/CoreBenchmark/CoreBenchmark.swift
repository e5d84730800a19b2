import Foundation
import Rollcall
import RollcallHub

/// Measures what the core costs by itself, without any network: choosing an instance, and the hub's store.
@main
struct CoreBenchmark {
    static func main() async throws {
        var measurements = try await Self.selection()
        measurements += try Self.store(folder: nil, suffix: "in memory")
        let folder = NSTemporaryDirectory() + "rollcall-benchmark-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        measurements += try Self.store(folder: folder, suffix: "with journal")
        for measurement in measurements {
            let name = measurement.name.padding(toLength: 48, withPad: " ", startingAt: 0)
            print("\(name) \(measurement.value) \(measurement.unit)")
        }
        if let path = CommandLine.arguments.dropFirst().first {
            let json = "[\n" + measurements.map(\.json).joined(separator: ",\n") + "\n]\n"
            try json.write(toFile: path, atomically: true, encoding: .utf8)
        }
    }

    private static func selection() async throws -> [Measurement] {
        let service = try ServiceName("web")
        let count = 1_000_000
        var measurements: [Measurement] = []
        let balancers: [(String, any Balancer)] = [("random", .random), ("round robin", .roundRobin)]
        for (name, balancer) in balancers {
            let backend = MemoryBackend()
            let configuration = RollcallConfiguration(discovery: DiscoveryConfiguration(balancer: balancer))
            for number in 0..<10 {
                _ = try await backend.register(Self.instance(number), ttl: .seconds(3600))
            }
            measurements += try await withRollcallClient(
                RollcallClient(registry: backend, configuration: configuration)
            ) { client in
                _ = try await client.discovery.snapshot(of: service)
                var picker = client.discovery.picker(for: service)
                var sum = 0
                let shared = try Measurement.cpu("pick, shared client, \(name)", count: count) {
                    for _ in 0..<count { sum &+= try client.discovery.pick(service).weight }
                }
                let own = Measurement.cpu("pick, picker, \(name)", count: count) {
                    for _ in 0..<count { sum &+= picker.pick()?.weight ?? 0 }
                }
                precondition(sum == 10 * count, "every pick gave an instance of weight 1")
                return [shared, own]
            }
        }
        return measurements
    }

    private static func store(folder: String?, suffix: String) throws -> [Measurement] {
        let store = try HubStore(folder: folder)
        let service = try ServiceName("web")
        let instances = try (0..<10).map(Self.instance)
        let tokens = try instances.map { try store.register($0, in: .default, ttl: .seconds(3600)).token }
        let many = 100_000
        var bytes = 0
        let lookup = try Measurement.cpu("look-up of 10 instances, \(suffix)", count: many) {
            for _ in 0..<many { bytes &+= try store.snapshot(of: service, in: .default).json.count }
        }
        let renewal = try Measurement.cpu("renewal, \(suffix)", count: many) {
            for number in 0..<many { try store.renew(tokens[number % 10], in: .default) }
        }
        let registrations = 10_000
        let registration = try Measurement.cpu("registration, \(suffix)", count: registrations) {
            for number in 0..<registrations {
                _ = try store.register(instances[number % 10], in: .default, ttl: .seconds(3600))
            }
        }
        precondition(bytes > 0)
        return [lookup, renewal, registration]
    }

    private static func instance(_ number: Int) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName("web"),
            id: InstanceID("web-\(number)"),
            endpoints: [Endpoint(scheme: "http", host: "10.0.0.\(number)", port: 8080)],
            version: SemanticVersion(1, 4, 2),
            zone: "a",
            tags: ["blue"],
            metadata: ["team": "shop"]
        )
    }
}
