import Foundation
import Rollcall
import RollcallProbes
import Synchronization

/// Measures what probing costs its own process: `ProbeBenchmark KIND FIRST_PORT PORTS [INSTANCES INTERVAL SECONDS]`.
///
/// KIND is `http`, `tcp` or `grpc`. The instances share the ports of 127.0.0.1, where another process must answer. It
/// prints the share of one core, and the CPU time of a check.
@main
struct ProbeBenchmark {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst().map { String($0) }
        guard arguments.count >= 3, let firstPort = Int(arguments[1]), let ports = Int(arguments[2]) else {
            print("usage: ProbeBenchmark http|tcp|grpc FIRST_PORT PORTS [INSTANCES INTERVAL SECONDS]")
            exit(2)
        }
        let numbers = arguments.dropFirst(3).compactMap { Int($0) }
        let instances = numbers.first ?? 10_000
        let interval = numbers.dropFirst().first ?? 10
        let seconds = numbers.dropFirst(2).first ?? 30
        let passing = Tally()
        let prober = try Prober(configuration: ProbeConfiguration(interval: .seconds(interval)))
        let service = try ServiceName("web")
        let all = try (0..<instances).map { number in
            try ServiceInstance(
                service: service,
                id: InstanceID("web-\(number)"),
                endpoints: [Endpoint(scheme: arguments[0], host: "127.0.0.1", port: firstPort + number % ports)]
            )
        }
        prober.track(all, of: service)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await prober.run { report in
                    if report.verdict == .passing { passing.add() }
                    if report.failures > 0 { print(report.id, report.verdict, report.message) }
                }
            }
            // Two rounds, so that all connections are there and the load is even.
            try await Task.sleep(for: .seconds(2 * interval))
            let (cpu, start) = (Self.cpuSeconds, ContinuousClock.now)
            try await Task.sleep(for: .seconds(seconds))
            let elapsed = start.duration(to: .now) / .seconds(1)
            let share = (Self.cpuSeconds - cpu) / elapsed
            let perCheck = share * Double(interval) / Double(instances) * 1e6
            let text = String(format: "%.2f %% of a core, %.1f µs a check", share * 100, perCheck)
            print("\(arguments[0]): \(instances) instances every \(interval) s, \(passing.value) pass: \(text)")
            group.cancelAll()
        }
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

private final class Tally: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { self.count.load(ordering: .relaxed) }

    func add() { self.count.add(1, ordering: .relaxed) }
}
