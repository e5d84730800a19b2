import HTTPEngine
import Rollcall
import RollcallProbes
import RollcallTesting
import Testing

/// A discovery that has instances probed.
@Suite("Probed discovery", .timeLimit(.minutes(2)))
struct ProbedDiscoveryTests {
    @Test("an instance that fails its probes is not chosen, says why, and comes back when it passes")
    func probed() async throws {
        let isIll = Flag()
        try await withServer { exchange in
            exchange.respond(isIll.value ? 500 : 200)
        } _: { _, ill in
            try await withServer { exchange in
                exchange.respond(204)
            } _: { _, well in
                let backend = MemoryBackend()
                _ = try await backend.register(instance("ill", at: ill), ttl: .seconds(60))
                _ = try await backend.register(instance("well", at: well), ttl: .seconds(60))
                var configuration = RollcallConfiguration()
                configuration.discovery.prober = try Prober(configuration: quick())
                let client = RollcallClient(registry: backend, configuration: configuration)
                try await withRollcallClient(client) { client in
                    _ = try await client.discovery.snapshot(of: .web)
                    func chosen() throws -> Set<String> {
                        Set(try (0..<50).map { _ in try client.discovery.pick(.web).id.text })
                    }
                    #expect(try chosen() == ["ill", "well"])
                    isIll.set(true)
                    try await eventually { try chosen() == ["well"] }
                    let entry = client.discovery.explain(.web).entries.first { $0.instance.id.text == "ill" }
                    #expect(entry?.isIn == false)
                    #expect(entry?.remarks.first?.text.hasPrefix("its probes fail: ") == true)
                    #expect(client.discovery.metrics.failingInstances == 1)
                    isIll.set(false)
                    try await eventually { try chosen() == ["ill", "well"] }
                }
            }
        }
    }
}
