import Foundation
import HTTPEngine
import Rollcall
import RollcallHubClient
import RollcallTesting
import Testing

@Suite(
    "Hub: the process on a full disk",
    .timeLimit(.minutes(1)),
    .enabled(if: HubProcess.program != nil, "the program is not built here")
)
struct HubFullDiskTests {
    @Test("it lives on, says that it takes no change, and takes them again once there is space")
    func fullDisk() async throws {
        let folder = try TemporaryFolder()
        let hub = try await HubProcess.start(folder)
        let backend = try HubBackend(url: "hub://127.0.0.1:\(hub.port)")
        func register(_ id: String) async throws(BackendError) {
            _ = try await backend.register(Self.instance(id), ttl: .seconds(60))
        }
        try await register("before")
        #expect(await backend.health().canWrite)
        #expect(try await Self.status("/readyz", of: hub) == 200)
        try await hub.limitFiles(to: 100)
        let error = await #expect(throws: BackendError.self) { try await register("during") }
        #expect(error?.code == .unavailable)
        let health = await backend.health()
        #expect(health.isReachable && health.canRead && !health.canWrite)
        #expect(try await Self.status("/readyz", of: hub) == 503)
        #expect(try await Self.status("/livez", of: hub) == 200)
        #expect(try await backend.instances(of: ServiceName("web")).instances.contains { $0.id.text == "before" })
        let told = try await HubProcess.run(folder, "health", "--backend", "hub://127.0.0.1:\(hub.port)")
        #expect(told.code == 1)
        try await hub.limitFiles(to: nil)
        try await eventually { await backend.health().canWrite }
        try await register("after")
        #expect(try await Self.status("/readyz", of: hub) == 200)
        hub.signal(SIGTERM)
        #expect(await hub.wait() == 0)
    }

    @Test("a configuration that cannot be written is refused, and what is stored stays, until there is space")
    func fullDiskForConfiguration() async throws {
        let folder = try TemporaryFolder()
        let hub = try await HubProcess.start(folder)
        let backend = try HubBackend(url: "hub://127.0.0.1:\(hub.port)")
        let key = try ConfigKey("shop/limits")
        func write(_ text: String) async throws(BackendError) -> ConfigEntry {
            try await backend.write(ConfigDraft(ConfigContent(text)), to: key, expecting: .any)
        }
        let before = try await write("before")
        let lease = try await backend.acquire(LockName("nightly"), ttl: .seconds(60))
        try await hub.limitFiles(to: 100)
        let error = await #expect(throws: BackendError.self) { try await write("during") }
        #expect(error?.code == .unavailable && error?.applied == .unknown)
        #expect(try await backend.entry(for: key) == before)
        await #expect(throws: BackendError.self) { try await backend.acquire(LockName("weekly"), ttl: .seconds(60)) }
        #expect(try await backend.holder(of: LockName("nightly"))?.token == lease.token)
        // Also after the hub has tried again, which it does each second.
        try await Task.sleep(for: .milliseconds(1500))
        #expect(try await Self.status("/readyz", of: hub) == 503)
        try await hub.limitFiles(to: nil)
        try await eventually { try await Self.status("/readyz", of: hub) == 200 }
        #expect(try await write("after").version == 2)
        #expect(try await backend.holder(of: LockName("weekly")) == nil)
        #expect(try await backend.acquire(LockName("weekly"), ttl: .seconds(60)).token > lease.token)
        await hub.kill()
        // What was refused is not there after a start either.
        let again = try await HubProcess.start(folder, port: hub.port)
        #expect(try await backend.history(of: key).map(\.summary.version) == [2, 1])
        await again.kill()
    }

    private static func instance(_ id: String) throws(BackendError) -> ServiceInstance {
        do throws(ValidationError) {
            return try ServiceInstance(
                service: ServiceName("web"),
                id: InstanceID(id),
                endpoints: [Endpoint("http://127.0.0.1:1")]
            )
        } catch {
            throw BackendError(error)
        }
    }

    private static func status(_ path: String, of hub: HubProcess) async throws -> Int {
        let request = HTTPClient.Request("GET", path, at: Origin(host: "127.0.0.1", port: hub.port))
        return try await HTTPClient().send(request, within: .seconds(10)).status
    }
}
