import Rollcall
import RollcallHub
import RollcallHubClient
import RollcallTesting
import Testing

@Suite("Hub: most of a service's leases end at once", .timeLimit(.minutes(1)))
struct GuardTests {
    private func text(_ hub: Hub, _ path: String) async throws -> String {
        String(decoding: try await hub.call("GET", path).body, as: UTF8.self)
    }

    @Test("they are kept, which the status, the figures and the driver's health tell; who is exempt is gone")
    func kept() async throws {
        var configuration = HubServer.Configuration(port: 0)
        configuration.unguarded = [try ServiceName("free")]
        try await withHub(configuration) { hub in
            let backend = try HubBackend(url: hub.server.url.replacing("http:", with: "hub:"))
            #expect(await backend.health().heldInstances == 0)
            for index in 0..<5 {
                // Long enough that all come within one time-to-live on a machine that is busy.
                try await hub.register("web-\(index)", query: "?ttl=3s")
                try await hub.register("free-\(index)", of: "free", query: "?ttl=1s")
            }
            try await eventually { try await self.text(hub, "/v1/services/free").contains(#""instances":[]"#) }
            // Those that are due in the first tick go before it shows that most do: from three of the five on they stay. The
            // others are due from moment to moment, so that the three are asked until nothing changed in between.
            try await eventually {
                let held = await backend.health().heldInstances ?? 0
                let status = try await self.text(hub, "/v1/status")
                let figures = try await self.text(hub, "/metrics")
                return held >= 3 && figures.contains("rollcall_hub_instances_held \(held)\n")
                    && status.contains(#""held":[{"namespace":"default","service":"web","instances":\#(held)}]"#)
            }
            #expect(try await self.text(hub, "/v1/services/web").contains("web-4"))
            #expect(try await self.text(hub, "/metrics").contains("rollcall_hub_guard_activations_total 1\n"))
            // Nobody renewed them: after five seconds more they are gone.
            try await eventually { try await self.text(hub, "/v1/status").contains(#""held":[]"#) }
            #expect(try await self.text(hub, "/v1/services/web").contains(#""instances":[]"#))
        }
    }

    @Test("a hub without the guard drops what is due")
    func off() async throws {
        var configuration = HubServer.Configuration(port: 0)
        configuration.guardsExpiry = false
        try await withHub(configuration) { hub in
            for index in 0..<5 { try await hub.register("web-\(index)", query: "?ttl=1s") }
            try await eventually { try await self.text(hub, "/v1/services/web").contains(#""instances":[]"#) }
            #expect(try await self.text(hub, "/metrics").contains("rollcall_hub_guard_activations_total 0\n"))
        }
    }
}
