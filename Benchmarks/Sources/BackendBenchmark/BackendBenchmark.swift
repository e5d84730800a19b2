import Foundation
import Rollcall
import RollcallConsul
import RollcallEtcd
import Synchronization

/// Measures what a driver's calls take: `BackendBenchmark URL COUNT`, one line for each operation: its name, the median
/// and the 99th percentile, in microseconds; of choices in nanoseconds; and when each value was written and seen.
///
/// The names of lines are those of `scripts/bench-backends.go`, which makes the same calls bare.
@main
struct BackendBenchmark {
    private typealias Backend = RegistryBackend & ConfigBackend

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let count = Int(arguments[2]) else {
            fatalError("usage: BackendBenchmark URL COUNT")
        }
        let url = arguments[1]
        let backend: any Backend =
            url.hasPrefix("etcd") ? try EtcdBackend(url: url) : try ConsulBackend(url: url)
        try await withRollcallClient(RollcallClient(registry: backend)) { client in
            let service = try ServiceName("bench")
            var leases: [any InstanceLease] = []
            // They stay for those who look them up bare.
            for number in 0..<10 {
                leases.append(try await backend.register(Self.instance(service, "kept-\(number)"), ttl: .seconds(600)))
            }
            try await Self.measureCalls(backend, service, count)
            try await Self.measureWatch(backend, count / 5)
            _ = try await client.discovery.snapshot(of: service)
            try await Self.measureChoices("pick", client.discovery, service)
            let (first, discovery) = (leases[0], client.discovery)
            try await Self.changing(first, Self.instance(service, "kept-0")) {
                try await Self.measureChoices("pick-loaded", discovery, service)
            }
        }
    }

    private static func measureCalls(_ backend: any Backend, _ service: ServiceName, _ count: Int) async throws {
        try await self.measure("lookup", count) { _ in _ = try await backend.instances(of: service) }
        let key = try ConfigKey("bench/limits")
        let content = ConfigContent("{\"limit\":10}", format: .json)
        _ = try await backend.write(ConfigDraft(content), to: key, expecting: .any)
        try await self.measure("read", count) { _ in _ = try await backend.entry(for: key) }
        let other = try ServiceName("bench-register")
        var leases: [any InstanceLease] = []
        try await self.measure("register", count / 5) { number in
            leases.append(try await backend.register(Self.instance(other, "b-\(number)"), ttl: .seconds(600)))
        }
        for lease in leases { try await lease.revoke() }
    }

    /// Measures delivery: the value is the time at which somebody else wrote it.
    private static func measureWatch(_ backend: any Backend, _ count: Int) async throws {
        let (deliveries, continuation) = AsyncStream.makeStream(of: (sent: Int, seen: Int).self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let isFirst = Mutex(true)
                try await backend.watch(try ConfigKey("bench/clock")) { state in
                    let now = Int(Date().timeIntervalSince1970 * 1_000_000)
                    // What is there already was not just written.
                    if isFirst.withLock({ isFirst in
                        defer { isFirst = false }; return isFirst
                    }) {
                        return Self.show("watching")
                    }
                    guard case .present(let entry) = state, let sent = entry.content.text.flatMap({ Int($0) }) else {
                        return
                    }
                    continuation.yield((sent, now))
                }
            }
            var times: [Double] = []
            for await (sent, seen) in deliveries {
                times.append(Double(seen - sent))
                self.show("seen \(sent) \(seen)")
                if times.count == count { break }
            }
            group.cancelAll()
            self.show("watch", times)
        }
    }

    /// Changes an instance again and again while `body` runs.
    private static func changing(
        _ lease: any InstanceLease,
        _ instance: ServiceInstance,
        while body: @Sendable () async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var weight = 1
                while !Task.isCancelled {
                    weight = weight % 10 + 1
                    try await lease.update(try instance.applying(InstanceChange(weight: weight)))
                }
            }
            try await body()
            group.cancelAll()
            do { try await group.waitForAll() } catch let error as BackendError where error.code == .cancelled {}
        }
    }

    private static func measureChoices(_ name: String, _ discovery: Discovery, _ service: ServiceName) async throws {
        var times: [Double] = []
        for _ in 0..<500 {
            let start = ContinuousClock.now
            var sum = 0
            for _ in 0..<1000 { sum &+= try discovery.pick(service).weight }
            times.append((ContinuousClock.now - start) / .microseconds(1))
            if sum < 0 { self.show("never") }
            // Others want the thread, too.
            try await Task.sleep(for: .milliseconds(1))
        }
        self.show(name, times)
    }

    private static func instance(_ service: ServiceName, _ id: String) throws -> ServiceInstance {
        try ServiceInstance(
            service: service,
            id: try InstanceID(id),
            endpoints: [try Endpoint("http://10.0.0.7:8080")],
            metadata: ["team": "shop"]
        )
    }

    private static func measure(_ name: String, _ count: Int, _ call: (Int) async throws -> Void) async throws {
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
        self.show("\(name) \(Int(sorted[sorted.count / 2])) \(Int(sorted[sorted.count * 99 / 100]))")
    }

    private static func show(_ line: String) {
        print(line)
        // Whoever waits for a line reads it from a file.
        fflush(nil)
    }
}
