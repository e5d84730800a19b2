import BenchmarkSupport
import Foundation
import Rollcall
import RollcallHub

/// Measures what the hub's store costs by itself, without any network.
@main
struct CoreBenchmark {
    static func main() throws {
        var figures = try Self.store(folder: nil, suffix: "in_memory")
        let folder = NSTemporaryDirectory() + "rollcall-benchmark-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        figures += try Self.store(folder: folder, suffix: "with_journal")
        for figure in figures { print(figure.line) }
        guard let path = CommandLine.arguments.dropFirst().first else { return }
        let json = "[\n" + figures.map { $0.json(suite: "core") }.joined(separator: ",\n") + "\n]\n"
        try json.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private static func store(folder: String?, suffix: String) throws -> [Figure] {
        let store = try HubStore(folder: folder)
        let service = try ServiceName("web")
        let instances = try (0..<10).map(Self.instance)
        let tokens = try instances.map { try store.register($0, in: .default, ttl: .seconds(3600)).token }
        let many = 100_000
        var bytes = 0
        let lookup = try Measure.cpu(count: many) {
            for _ in 0..<many { bytes &+= try store.snapshot(of: service, in: .default).json.count }
        }
        let renewal = try Measure.cpu(count: many) {
            for number in 0..<many { try store.renew(tokens[number % 10], in: .default) }
        }
        let registrations = 10_000
        let registration = try Measure.cpu(count: registrations) {
            for number in 0..<registrations {
                _ = try store.register(instances[number % 10], in: .default, ttl: .seconds(3600))
            }
        }
        precondition(bytes > 0)
        return [
            Figure("store.lookup.10.\(suffix).ns", lookup, "ns"),
            Figure("store.renewal.\(suffix).ns", renewal, "ns"),
            Figure("store.registration.\(suffix).ns", registration, "ns"),
        ]
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
