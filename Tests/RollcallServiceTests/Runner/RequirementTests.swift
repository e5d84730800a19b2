import HTTPEngine
import Rollcall
import RollcallService
import RollcallTesting
import Testing

@Suite("Required services", .timeLimit(.minutes(1)))
struct RequirementTests {
    private static func runner(
        _ client: RollcallClient,
        _ configuration: ServiceRunnerConfiguration
    ) throws -> ServiceRunner {
        ServiceRunner(service: try ServiceName("web"), client: client, configuration: configuration, port: 0) {
            $0.respond(200)
        }
    }

    @Test("a missing one is warned of, and its coming is told")
    func warn() async throws {
        let record = Record()
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            let store = try ServiceName("store")
            let configuration = quickly(requires: [store], log: log(into: record))
            let runner = try Self.runner(client, configuration)
            try await withRunner(runner) { _ in
                try await eventually {
                    record.all.contains("warning runner: the required service store has no instance to call")
                }
                let instance = try ServiceInstance(service: store, endpoints: [Endpoint("http://10.0.0.1:80")])
                let lease = try await client.registry.register(instance, ttl: .seconds(60))
                try await eventually { record.all.contains("info runner: the required service store is there") }
                try await lease.revoke()
                try await eventually { record.all.count { $0.hasPrefix("warning") } == 2 }
            }
        }
    }

    @Test("waiting for one that comes, and the instance names what it requires")
    func wait() async throws {
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            let store = try ServiceName("store")
            let prepared = Signal()
            var configuration = quickly(requires: [store], requirements: .wait(upTo: .seconds(30)))
            configuration.prepare = { prepared.raise() }
            let runner = try Self.runner(client, configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                await prepared.wait()
                #expect(runner.endpoints.isEmpty)
                let instance = try ServiceInstance(service: store, endpoints: [Endpoint("http://10.0.0.1:80")])
                _ = try await client.registry.register(instance, ttl: .seconds(60))
                try await runner.waitUntilRegistered()
                let web = try await client.registry.instances(of: runner.service).instances
                #expect(web.first?.requires == [store])
                runner.beginShutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test("waiting ends with an error that names what is missing, or with the wish to stop")
    func waitEnds() async throws {
        try await withRollcallClient(RollcallClient(registry: MemoryBackend())) { client in
            let names = [try ServiceName("store"), try ServiceName("mail")]
            let short = quickly(requires: names, requirements: .wait(upTo: .milliseconds(50)))
            let runner = try Self.runner(client, short)
            let error = await #expect(throws: ServiceRunError.self) { try await runner.run() }
            #expect(error?.failures.map(\.stage) == [.requirements])
            #expect(error?.description.contains("mail, store") == true, "\(String(describing: error))")

            let long = quickly(requires: names, requirements: .wait(upTo: .seconds(60)))
            let stopped = try Self.runner(client, long)
            stopped.beginShutdown()
            try await stopped.run()
        }
    }
}
