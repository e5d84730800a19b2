import Rollcall
import Testing

/// The examples of the README, so that they keep compiling and do what it says.
@Suite("README", .timeLimit(.minutes(1)))
struct ReadmeTests {
    @Test("register, pick, fail over, and be told")
    func examples() async throws {
        let client = RollcallClient(registry: MemoryBackend())
        try await withRollcallClient(client) { client in
            let instance = try ServiceInstance(
                service: ServiceName("web"),
                endpoints: [Endpoint("http://10.0.0.7:8080")]
            )
            try await withRegistration(of: instance, in: client.registry) { registrar in
                #expect(registrar.status.phase == .registered)
                let web = try ServiceName("web")
                let answer = try await client.discovery.withInstance(
                    of: web,
                    attempts: 2,
                    retryingIf: { _ in true }
                ) { instance in
                    try await Self.call(instance.endpoint)
                }
                #expect(answer == "http://10.0.0.7:8080")
                let next = try client.discovery.pick(web)
                #expect(next.id == instance.id)
                var picker = client.discovery.picker(for: web)
                #expect(picker.pick()?.id == instance.id)
            }
            var told: [String] = []
            let other = try ObservationTests.make("team-a", "x")
            try await withRegistration(of: other, in: client.registry) { registrar in
                try await client.discovery.withEvents(matching: ServicePattern("team-*")) { events in
                    for try await event in events {
                        switch event {
                        case .registered(let instance): told.append("+ \(instance)")
                        case .updated(_, let instance): told.append("= \(instance)")
                        case .removed(let instance, let reason): told.append("- \(instance) \(reason)")
                        }
                        if told.count == 1 { registrar.beginShutdown() }
                        if told.count == 3 { break }
                    }
                }
            }
            #expect(
                told == [
                    "+ team-a/x http://127.0.0.1:1 passing", "= team-a/x http://127.0.0.1:1 maintenance",
                    "- team-a/x http://127.0.0.1:1 maintenance deregistered",
                ]
            )
        }
    }

    private static func call(_ endpoint: Endpoint) async throws -> String {
        endpoint.description
    }
}
