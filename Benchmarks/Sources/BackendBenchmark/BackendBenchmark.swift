import Foundation
import Rollcall
import RollcallConsul
import RollcallEtcd

/// Measures what a driver's calls take: `BackendBenchmark URL COUNT`, one line for each operation, in microseconds.
///
/// The names of lines are those of `scripts/bench-backends.go`, which makes the same calls bare.
@main
struct BackendBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments
        let url = arguments[1]
        let count = Int(arguments[2]) ?? 1000
        let backend: any RegistryBackend & ConfigBackend =
            url.hasPrefix("etcd") ? try EtcdBackend(url: url) : try ConsulBackend(url: url)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await backend.run() }
            try await Self.measure(backend, count)
            group.cancelAll()
        }
    }

    private static func measure(_ backend: any RegistryBackend & ConfigBackend, _ count: Int) async throws {
        let service = try ServiceName("bench")
        for number in 0..<10 {
            _ = try await backend.register(try Self.instance(service, "kept-\(number)"), ttl: .seconds(600))
        }
        try await Self.show("lookup", count) { _ in _ = try await backend.instances(of: service) }
        let key = try ConfigKey("bench/limits")
        _ = try await backend.write(
            ConfigDraft(ConfigContent("{\"limit\":10}", format: .json)),
            to: key,
            expecting: .any
        )
        try await Self.show("read", count) { _ in _ = try await backend.entry(for: key) }
        let other = try ServiceName("bench-register")
        var leases: [any InstanceLease] = []
        try await Self.show("register", count / 5) { number in
            leases.append(try await backend.register(try Self.instance(other, "b-\(number)"), ttl: .seconds(600)))
        }
        for lease in leases { try await lease.revoke() }
        try await Self.watch(backend, count / 5)
    }

    /// Delivery: the value is the time at which somebody else wrote it.
    private static func watch(_ backend: any ConfigBackend, _ count: Int) async throws {
        let (times, continuation) = AsyncStream.makeStream(of: Double.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await backend.watch(try ConfigKey("bench/clock")) { state in
                    guard case .present(let entry) = state, let sent = entry.content.text.flatMap({ Double($0) }) else {
                        return
                    }
                    continuation.yield(Date().timeIntervalSince1970 * 1_000_000 - sent)
                }
            }
            print("watching")
            fflush(nil)
            var seen: [Double] = []
            for await time in times {
                seen.append(time)
                if seen.count == count { break }
            }
            group.cancelAll()
            Self.show("watch", seen)
        }
    }

    private static func instance(_ service: ServiceName, _ id: String) throws -> ServiceInstance {
        try ServiceInstance(
            service: service,
            id: try InstanceID(id),
            endpoints: [try Endpoint("http://10.0.0.7:8080")],
            metadata: ["team": "shop"]
        )
    }

    private static func show(_ name: String, _ count: Int, _ call: (Int) async throws -> Void) async throws {
        for number in 0..<20 { try await call(-1 - number) }
        var times: [Double] = []
        for number in 0..<count {
            let start = ContinuousClock.now
            try await call(number)
            times.append((ContinuousClock.now - start) / .microseconds(1))
        }
        self.show(name, times)
    }

    private static func show(_ name: String, _ times: [Double]) {
        let sorted = times.sorted()
        print("\(name) \(Int(sorted[sorted.count / 2])) \(Int(sorted[sorted.count * 99 / 100]))")
        fflush(nil)
    }
}
