import ExampleSupport
import Rollcall
import RollcallService

/// A service that registers while it serves: `swift run ExampleProvider --backend hub://127.0.0.1:20000`.
@main
enum Provider {
    private static let flags = [
        Flag("host", "127.0.0.1", "the address to listen on"),
        Flag("http-port", "8001", "the port to listen on; 0 for one that is free"),
        Flag("id", "", "the identity of this instance; a random one by default"),
    ]

    static func main() async {
        await ExampleProgram.run(self.flags) { flags in
            let id = try flags.ifGiven("id").map { try InstanceID($0) } ?? .random()
            let port = try flags.integer("http-port", in: 0...65535)
            let client = try ExampleProgram.client(flags)
            let hello = HelloService(
                try ServiceName(flags["service"]),
                id: id,
                client: client,
                host: flags["host"],
                port: port
            )
            let signals = ExampleProgram.signals()
            try await withRollcallClient(client) { _ in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await self.announce(hello.runner) }
                    // It registers once it listens, and leaves before it stops.
                    try await hello.runner.run { for await _ in signals { break } }
                    group.cancelAll()
                }
            }
            ExampleProgram.say("\(hello.count) greeted")
            return 0
        }
    }

    private static func announce(_ runner: ServiceRunner) async throws {
        // It ends without being registered when it cannot listen; that is reported where it runs.
        guard (try? await runner.waitUntilRegistered()) != nil else { return }
        for endpoint in runner.endpoints { ExampleProgram.say("\(runner.service) at \(endpoint)") }
    }
}
