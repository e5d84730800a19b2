import Foundation
import RollcallTesting
import Synchronization
import Testing

@testable import Rollcall

/// A start while the registry is away.
@Suite("Discovery and its file", .timeLimit(.minutes(1)))
struct DiscoverySnapshotFileTests {
    private let service: ServiceName
    private let all: [ServiceInstance]

    init() throws {
        self.service = try ServiceName("web")
        self.all = try BalancerTests.pool(3).instances
    }

    private final class Said: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { self.lines.withLock { $0 } }
        func add(_ line: String) { self.lines.withLock { $0.append(line) } }
    }

    private func discovery(
        _ backend: ScriptedBackend,
        _ path: String,
        _ said: Said = Said(),
        namespace: Namespace = .default
    ) -> Discovery {
        var configuration = DiscoveryConfiguration(log: Log { _, _, message in said.add(message) })
        configuration.snapshotFile = path
        configuration.snapshotInterval = .milliseconds(1)
        configuration.namespace = namespace
        return Discovery(backend: backend, configuration: configuration)
    }

    private func withFile(_ body: (String) async throws -> Void) async throws {
        let folder = NSTemporaryDirectory() + "rollcall-discovery-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder + "/discovery.snapshot")
    }

    /// Has a discovery learn of all instances, and keep them.
    private func write(_ path: String) async throws {
        let discovery = self.discovery(ScriptedBackend(self.service, self.all), path)
        try await withDiscovery(discovery) {
            _ = try await discovery.snapshot(of: self.service)
            try await eventually { try SnapshotFile(path: path).read() != nil }
        }
    }

    @Test("a start without the registry goes by what was known, loudly, and turns live when it comes")
    func start() async throws {
        try await self.withFile { path in
            try await self.write(path)
            let said = Said()
            let backend = ScriptedBackend(self.service, self.all)
            backend.setAway(true)
            let discovery = self.discovery(backend, path, said)
            try await withDiscovery(discovery) {
                let instance = try await discovery.instance(of: self.service)
                #expect(self.all.contains(instance))
                let snapshot = try #require(discovery.currentSnapshot(of: self.service))
                #expect(snapshot.source == "file")
                #expect(snapshot.freshness != .live)
                try await eventually {
                    said.all.contains { $0.contains("web: the registry has not answered; 3 instances are taken") }
                }
                backend.setAway(false)
                try await eventually { discovery.currentSnapshot(of: self.service)?.freshness == .live }
                #expect(discovery.currentSnapshot(of: self.service)?.source == "scripted")
            }
        }
    }

    @Test("what is no longer watched stays in the file, and what is old does not become new by being written again")
    func keepsAndAges() async throws {
        try await self.withFile { path in
            let old = Date(timeIntervalSinceNow: -86_400)
            let other = try ServiceName("other")
            let kept = try ServiceInstance(service: other, endpoints: [Endpoint("http://10.0.0.1:1")])
            let former = SnapshotContents.Service(name: other, instances: [kept])
            let contents = SnapshotContents(
                namespace: .default,
                backend: "scripted",
                writtenAt: old,
                services: [former]
            )
            try SnapshotFile(path: path).write(contents)
            let discovery = self.discovery(ScriptedBackend(self.service, self.all), path)
            try await withDiscovery(discovery) {
                // Nobody looks it up afterwards: with the observation its watch ends.
                try await discovery.withUpdates(of: self.service) { updates in
                    for try await _ in updates { break }
                }
                #expect(discovery.observedServices.isEmpty)
                try await eventually { try SnapshotFile(path: path).read()?.services.count == 2 }
            }
            let written = try #require(try SnapshotFile(path: path).read())
            #expect(written.services.map(\.name) == [other, self.service])
            #expect(written.services.last?.instances == self.all)
            let age = try #require(written.services.first?.asOf).timeIntervalSince(old)
            #expect(abs(age) < 5)
        }
    }

    @Test("a file that a calendar set back makes one of tomorrow is used as one of now")
    func fromTheFuture() async throws {
        try await self.withFile { path in
            let contents = SnapshotContents(
                namespace: .default,
                backend: "scripted",
                writtenAt: Date(timeIntervalSinceNow: 86_400),
                services: [SnapshotContents.Service(name: self.service, instances: self.all)]
            )
            try SnapshotFile(path: path).write(contents)
            let backend = ScriptedBackend(self.service, [])
            backend.setAway(true)
            let discovery = self.discovery(backend, path)
            try await withDiscovery(discovery) {
                _ = try await discovery.instance(of: self.service)
                guard case .stale(let since)? = discovery.currentSnapshot(of: self.service)?.freshness else {
                    Issue.record("it is not stale")
                    return
                }
                #expect(since <= TimeSource().now)
            }
        }
    }

    @Test("a registry that then comes back empty is not believed at once")
    func emptyRegistry() async throws {
        try await self.withFile { path in
            try await self.write(path)
            let backend = ScriptedBackend(self.service, [])
            backend.setAway(true)
            let discovery = self.discovery(backend, path)
            try await withDiscovery(discovery) {
                _ = try await discovery.instance(of: self.service)
                backend.setAway(false)
                try await eventually { discovery.currentSnapshot(of: self.service)?.freshness == .live }
                #expect(discovery.currentSnapshot(of: self.service)?.held.count == 3)
                let picked = try discovery.pick(self.service)
                #expect(self.all.contains(picked))
            }
        }
    }

    @Test("a registry that answers is what counts, whatever the file says")
    func liveRegistry() async throws {
        try await self.withFile { path in
            try await self.write(path)
            let backend = ScriptedBackend(self.service, Array(self.all.prefix(1)))
            let discovery = self.discovery(backend, path)
            try await withDiscovery(discovery) {
                let instance = try await discovery.instance(of: self.service)
                #expect(instance == self.all[0])
                #expect(discovery.currentSnapshot(of: self.service)?.instances.count == 1)
            }
        }
    }

    @Test("a file that is damaged or of another namespace is not used, and said so; what is known then replaces it")
    func unfit() async throws {
        try await self.withFile { path in
            try await self.write(path)
            for (spoil, words) in [(false, "another registry or namespace"), (true, "is not used")] {
                if spoil {
                    var bytes = try Data(contentsOf: URL(filePath: path))
                    bytes[bytes.count / 2] ^= 1
                    try bytes.write(to: URL(filePath: path))
                }
                let said = Said()
                let backend = ScriptedBackend(self.service, self.all)
                backend.setAway(true)
                let namespace = spoil ? Namespace.default : try Namespace("other")
                let discovery = self.discovery(backend, path, said, namespace: namespace)
                try await withDiscovery(discovery) {
                    try await eventually { said.all.contains { $0.contains(words) } }
                    let error = await #expect(throws: BackendError.self) {
                        try await discovery.snapshot(of: self.service, within: .milliseconds(50))
                    }
                    #expect(error?.code == .timeout)
                    backend.setAway(false)
                    try await eventually {
                        let contents = try? SnapshotFile(path: path).read()
                        return contents?.namespace == namespace && contents?.services.first?.instances == self.all
                    }
                }
            }
        }
    }

    @Test("a folder that is not there is said, and everything else goes on")
    func noFolder() async throws {
        let said = Said()
        let path = NSTemporaryDirectory() + "rollcall-nowhere-\(UUID().uuidString)/x"
        let discovery = self.discovery(ScriptedBackend(self.service, self.all), path, said)
        try await withDiscovery(discovery) {
            let snapshot = try await discovery.snapshot(of: self.service)
            #expect(snapshot.instances == self.all)
            try await eventually { said.all.contains { $0.contains("disk") } }
        }
    }
}
