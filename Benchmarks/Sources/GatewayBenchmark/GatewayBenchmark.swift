import Foundation
import Rollcall
import RollcallGateway

/// Runs a gateway in front of one upstream, for `scripts/bench-gateway`: `GatewayBenchmark PORT UPSTREAM-PORT`.
///
/// The upstream is the service `web`. It prints its process's id once it listens, and runs until it is killed.
@main
struct GatewayBenchmark {
    static func main() async throws {
        let ports = CommandLine.arguments.dropFirst().compactMap(Int.init)
        guard ports.count == 2 else {
            print("usage: GatewayBenchmark PORT UPSTREAM-PORT")
            exit(2)
        }
        let backend = MemoryBackend()
        let instance = try ServiceInstance(
            service: ServiceName("web"),
            id: InstanceID("web-1"),
            endpoints: [Endpoint(scheme: "http", host: "127.0.0.1", port: ports[1])]
        )
        _ = try await backend.register(instance, ttl: .seconds(86400))
        try await withRollcallClient(RollcallClient(registry: backend)) { client in
            var configuration = GatewayConfiguration()
            configuration.port = ports[0]
            let gateway = try Gateway(client: client, configuration: configuration)
            print(ProcessInfo.processInfo.processIdentifier)
            fflush(nil)
            try await gateway.run()
        }
    }
}
