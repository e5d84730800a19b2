import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

/// Many registrations of one process on a real Consul.
@Suite(
    "Many on Consul",
    .serialized,
    .timeLimit(.minutes(5)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
)
struct RealLoadTests {
    /// The connections that an agent has with clients, by the system's own list; `nil` where there is none.
    private static func connections(to port: Int) -> Int? {
        guard let table = try? String(contentsOfFile: "/proc/net/tcp", encoding: .utf8) else { return nil }
        let place = String(format: "0100007F:%04X", port)
        return table.split(separator: "\n").count { line in
            let fields = line.split(separator: " ")
            // State 01 is an established one.
            return fields.count > 3 && fields[1] == place && fields[3] == "01"
        }
    }

    /// Looks again and again for as long as `body` runs, and returns the most that there were.
    private func mostConnections(to port: Int, _ body: () async throws -> Void) async throws -> Int? {
        let most = MutexBox<Int?>(nil)
        try await alongside {
            while !Task.isCancelled {
                if let count = Self.connections(to: port) { most.change { $0 = max($0 ?? 0, count) } }
                try? await ContinuousClock().sleep(for: .milliseconds(20))
            }
        } _: {
            try await body()
        }
        return most.value
    }

    @Test(
        "a thousand registrations and their renewals take eight connections, and none is late while watches hang",
        arguments: ServerProgram.consul
    )
    func thousand(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let backend = try consul.backend { $0.timeout = .seconds(60) }
            let (ttl, web) = (Duration.seconds(15), try ServiceName("web"))
            let (registered, ends) = (Tally(), MutexBox<[BackendError]>([]))
            try await alongside {
                await withDiscardingTaskGroup { group in
                    for number in 0..<1000 {
                        group.addTask {
                            do throws(BackendError) {
                                guard let instance = try? ServiceInstance.sample("i\(number)") else { return }
                                let lease = try await backend.register(instance, ttl: ttl)
                                registered.add()
                                try await lease.keepAlive()
                            } catch {
                                if !Task.isCancelled { ends.change { $0.append(error) } }
                            }
                        }
                    }
                }
            } _: {
                let making = try await self.mostConnections(to: consul.port) {
                    try await eventually(within: .seconds(120)) { registered.value == 1000 || !ends.value.isEmpty }
                }
                #expect(ends.value.isEmpty)
                #expect(try #require(making, "connections can be counted") <= 8)
                let begun = Tally()
                try await alongside {
                    await withDiscardingTaskGroup { group in
                        for number in 0..<50 {
                            group.addTask {
                                guard let service = try? ServiceName("w\(number)") else { return }
                                _ = try? await backend.watch(service) { _ in begun.add() }
                            }
                        }
                    }
                } _: {
                    try await eventually(within: .seconds(60)) { begun.value == 50 }
                    let probe = try await backend.register(try .sample("probe"), ttl: .seconds(60))
                    var longest = Duration.zero
                    let keeping = try await self.mostConnections(to: consul.port) {
                        let (clock, start) = (ContinuousClock(), ContinuousClock.now)
                        while start.duration(to: .now) < ttl * 2 {
                            let took = try await clock.measure { try await probe.renew() }
                            longest = max(longest, took)
                            try await clock.sleep(for: .milliseconds(50))
                        }
                    }
                    // Each watch has a connection, and all of them together one.
                    #expect(try #require(keeping, "connections can be counted") <= 8 + 51)
                    // A renewal waits for no watch, and for others of its kind not as long as would make it late.
                    #expect(longest < ttl / 3)
                }
                #expect(ends.value.isEmpty)
                #expect(try await backend.instances(of: web).instances.count { $0.status == .passing } == 1001)
                #expect(!consul.server.process.output(last: 100_000).contains("missed TTL"))
            }
        }
    }
}
