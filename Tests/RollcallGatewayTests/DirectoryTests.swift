import HTTPEngine
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallGateway

/// A registry that answers nobody before it is told to.
private final class SlowBackend: ForwardingBackend {
    let mayAnswer = Signal()
    let questions = Tally()
    let name = "slow"
    let base: any RegistryBackend = MemoryBackend()

    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        self.questions.add()
        await self.mayAnswer.wait()
        return try await self.base.instances(of: service)
    }
}

@Suite("Names that the gateway asks the registry for", .timeLimit(.minutes(1)))
struct DirectoryTests {
    private static func directory(_ backend: SlowBackend, lookupTimeout: Duration) -> ServiceDirectory {
        var configuration = GatewayConfiguration()
        configuration.lookupTimeout = lookupTimeout
        return ServiceDirectory(
            discovery: Discovery(backend: backend),
            configuration: configuration,
            clock: TimeSource()
        )
    }

    /// The status that a request for a service would get.
    private static func status(_ directory: ServiceDirectory, _ name: String) async -> Int {
        do throws(Problem) {
            _ = try await directory.service(named: ServiceText(text: name))
            return 200
        } catch {
            return error.status
        }
    }

    @Test("many requests at once for a service that nobody asked for before are one question, and all are answered")
    func burst() async throws {
        let backend = SlowBackend()
        let instance = try ServiceInstance(
            service: ServiceName("web"),
            endpoints: [Endpoint(scheme: "http", host: "127.0.0.1", port: 1)]
        )
        _ = try await backend.register(instance, ttl: .seconds(60))
        let directory = Self.directory(backend, lookupTimeout: .seconds(30))
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<500 { group.addTask { await Self.status(directory, "web") } }
            try await eventually { backend.questions.value == 1 }
            // Strangers do not take its place.
            for number in 0..<200 { group.addTask { await Self.status(directory, "stranger-\(number)") } }
            try await eventually { backend.questions.value == 64 }
            backend.mayAnswer.raise()
            var statuses: [Int: Int] = [:]
            for try await status in group { statuses[status, default: 0] += 1 }
            #expect(statuses[200] == 500)
            #expect((statuses[404] ?? 0) >= 63)
        }
    }

    @Test("a registry that is silent is 503 for all who wait, and is asked again")
    func silence() async throws {
        let backend = SlowBackend()
        let directory = Self.directory(backend, lookupTimeout: .milliseconds(50))
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<10 { group.addTask { await Self.status(directory, "web") } }
            for await status in group { #expect(status == 503) }
        }
        let before = backend.questions.value
        #expect(await Self.status(directory, "web") == 503)
        #expect(backend.questions.value == before + 1)
    }
}
