import RollcallTesting
import Testing

/// Runs one Consul of each version for as long as a suite runs, for those of its tests that do it no harm.
struct SharedConsul: SuiteTrait, TestScoping {
    /// The servers of the suite that runs.
    @TaskLocal static var servers: [ServerProgram: ConsulServer] = [:]

    let isRecursive = false

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        var servers: [ServerProgram: ConsulServer] = [:]
        defer {
            for server in servers.values { server.process.kill() }
        }
        for program in ServerProgram.consul {
            let server = try ConsulServer(program, ConsulHarness.configuration)
            servers[program] = server
            try await server.process.start()
        }
        try await Self.$servers.withValue(servers) { try await function() }
    }
}

extension Trait where Self == SharedConsul {
    /// Runs one Consul of each version for as long as the suite runs.
    static var sharedConsul: Self { Self() }
}
