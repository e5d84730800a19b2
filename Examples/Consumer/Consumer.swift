import ExampleSupport
import Rollcall
import RollcallService

/// Calls a service from many tasks at once: `swift run ExampleConsumer --backend hub://127.0.0.1:20000`.
///
/// With `memory:` it has the service in its own process: `swift run ExampleConsumer --local 3`.
@main
enum Consumer {
    private static let flags = [
        Flag("worker", "5", "how many call at the same time"),
        Flag("request", "10", "how many calls each of them makes; 0 for until Control-C"),
        Flag("pause", "10ms", "how long each of them rests between calls"),
        Flag("balancer", "round-robin", "how to choose an instance: round-robin, random"),
        Flag("instances", "1", "how many instances to wait for before the first call"),
        Flag("local", "0", "how many instances to run in this process"),
    ]

    static func main() async {
        await ExampleProgram.run(self.flags) { flags in
            let local = try flags.integer("local", in: 0...100)
            let awaited = max(try flags.integer("instances", in: 0...1000), local)
            let load = Load(
                service: try ServiceName(flags["service"]),
                workers: try flags.integer("worker", in: 1...1000),
                requests: try flags.integer("request", in: 0...1_000_000),
                pause: try Duration(text: flags["pause"], field: "pause")
            )
            let client = try ExampleProgram.client(flags) { configuration in
                if flags.ifGiven("balancer") == nil { configuration.discovery.balancer = .roundRobin }
            }
            let signals = ExampleProgram.signals()
            try await withRollcallClient(client) { client in
                try await self.withLocalInstances(local, of: load.service, client) {
                    try await self.first(
                        { for await _ in signals { break } },
                        { try await self.printEvents(of: load.service, client.discovery) },
                        {
                            try await self.wait(for: awaited, of: load.service, client)
                            try await load.run(client.discovery)
                        }
                    )
                }
            }
            load.tally.report()
            return load.tally.isGood ? 0 : 1
        }
    }

    /// Says who comes, changes and goes, in the words of the registry.
    private static func printEvents(of service: ServiceName, _ discovery: Discovery) async throws {
        try await discovery.withEvents(of: service) { events in
            for try await event in events {
                switch event {
                case .registered(let instance): ExampleProgram.remark("+ \(instance)")
                case .updated(_, let instance): ExampleProgram.remark("= \(instance)")
                case .removed(let instance, let reason): ExampleProgram.remark("- \(instance) \(reason)")
                }
            }
        }
    }

    /// Waits until as many instances may be called, as long as a look-up may take.
    private static func wait(for count: Int, of service: ServiceName, _ client: RollcallClient) async throws {
        let limit = client.configuration.discovery.lookupTimeout
        try await self.first(
            {
                try await client.discovery.withUpdates(of: service) { updates in
                    for try await snapshot in updates
                    where snapshot.instances.count(where: { InstanceFilter.passing($0) }) >= count { break }
                }
            },
            {
                try await Task.sleep(for: limit)
                throw BackendError(.notFound, "fewer than \(count) instances within \(limit)", key: service.text)
            }
        )
    }

    /// Runs instances in this process for as long as `body` runs.
    private static func withLocalInstances(
        _ count: Int,
        of service: ServiceName,
        _ client: RollcallClient,
        _ body: () async throws -> Void
    ) async throws {
        let instances = try (0..<count).map { index in
            HelloService(
                service,
                id: try InstanceID("local-\(index + 1)"),
                client: client,
                host: "127.0.0.1",
                port: 0
            )
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for instance in instances {
                group.addTask { try await instance.runner.run() }
            }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            for instance in instances { instance.runner.beginShutdown() }
            try await group.waitForAll()
        }
    }

    /// Runs all, until the first that ends, which cancels the others.
    private static func first(_ bodies: (@Sendable () async throws -> Void)...) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for body in bodies {
                group.addTask { try await body() }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
