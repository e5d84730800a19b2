import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallEtcd

/// A client that is cut off from its server, one way or both, for longer than its lease lasts.
@Suite(
    "etcd across a network that is cut",
    .enabled(if: !ServerProgram.etcd.isEmpty, Comment(rawValue: ServerProgram.skipReason(.etcd))),
    .timeLimit(.minutes(3))
)
struct EtcdPartitionTests {
    /// How far the clients are.
    private struct Stages {
        let areCutOff = Tally()
        let isChanged = Signal()
        let areBack = Tally()
        let mayLeave = Signal()
    }

    private static let cuts: [FaultProxy.Mode] = [.halfOpen, .halfOpenOneWay(.toServer), .halfOpenOneWay(.toClient)]

    @Test(
        "when it is whole again, watches show what is true, and who was lost is back once",
        arguments: ServerProgram.etcd
    )
    func partition(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd(port: server.clientPort) { direct in
                let leaving = try await direct.register(try sample("b"), ttl: .seconds(60))
                let stages = Stages()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // All kinds of cuts at once: each takes about half a minute.
                    for (number, cut) in Self.cuts.enumerated() {
                        group.addTask {
                            try await self.cutOff(server, number, cut, stages)
                        }
                    }
                    try await eventually(within: .seconds(60)) { stages.areCutOff.value == Self.cuts.count }
                    // The leases have ended, and nobody of those who are cut off hears of anything.
                    try await watching(direct) { snapshots in
                        try await eventually(within: .seconds(60)) { snapshots.value.isLive(with: "b") }
                        try await leaving.revoke()
                        _ = try await direct.register(try sample("c"), ttl: .seconds(120))
                        stages.isChanged.raise()
                        try await eventually(within: .seconds(60)) {
                            snapshots.value.isLive(with: "a0", "a1", "a2", "c")
                        }
                        // Each must have seen all before the first one leaves.
                        try await eventually(within: .seconds(60)) { stages.areBack.value == Self.cuts.count }
                        stages.mayLeave.raise()
                        try await group.waitForAll()
                        // Nothing is left of who has gone, of none of his leases.
                        try await eventually { snapshots.value.isLive(with: "c") }
                        let records = try await direct.client.readAll(EtcdRange(prefix: []), "test", key: nil).records
                        #expect(records.count == 1)
                    }
                }
            }
        }
    }

    /// One client: it registers, is cut off, and leaves when all are back.
    private func cutOff(
        _ server: EtcdServer,
        _ number: Int,
        _ cut: FaultProxy.Mode,
        _ stages: Stages
    ) async throws {
        try await withProxy(to: server.clientPort) { proxy in
            try await withEtcd(port: proxy.port) { backend in
                let instance = try sample("a\(number)")
                let configuration = RegistrarConfiguration(ttl: .seconds(2), drain: .zero, addsAutomaticMetadata: false)
                let registrar = try Registrar(backend: backend, configuration: configuration) { instance }
                try await alongside {
                    try await registrar.run()
                } _: {
                    try await registrar.waitUntilRegistered()
                    try await watching(backend) { snapshots in
                        try await eventually {
                            snapshots.value.last?.instances.contains { $0.id == instance.id } == true
                        }
                        proxy.mode = cut
                        stages.areCutOff.add()
                        try await eventually(within: .seconds(60)) { snapshots.value.last?.freshness != .live }
                        await stages.isChanged.wait()
                        proxy.mode = .forward
                        do {
                            try await eventually(within: .seconds(60)) {
                                snapshots.value.isLive(with: "a0", "a1", "a2", "c")
                            }
                        } catch {
                            let latest = snapshots.value.suffix(3).map { "\($0.instances.map(\.id)) \($0.freshness)" }
                            Issue.record("behind \(cut): \(latest), \(registrar.status)")
                            throw error
                        }
                        stages.areBack.add()
                    }
                    await stages.mayLeave.wait()
                    registrar.beginShutdown()
                    try await eventually { registrar.status.phase == .stopped }
                }
            }
        }
    }

    @Test("a link that is slow: calls succeed, watches follow and leases are kept", arguments: ServerProgram.etcd)
    func slowLink(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withEtcd(port: server.clientPort) { direct in
                for mode in [FaultProxy.Mode.delay(.milliseconds(200)), .throttle(4000)] {
                    try await withProxy(to: server.clientPort) { proxy in
                        proxy.mode = mode
                        try await withEtcd(port: proxy.port, .init(timeout: .seconds(10))) { backend in
                            try await self.useSlowly(backend, direct)
                        }
                    }
                }
            }
        }
    }

    private func useSlowly(_ backend: EtcdBackend, _ direct: EtcdBackend) async throws {
        let clock = ContinuousClock()
        let instance = try sample("a")
        let key = try ConfigKey("shop/limits")
        let configuration = RegistrarConfiguration(ttl: .seconds(5), drain: .zero, addsAutomaticMetadata: false)
        let registrar = try Registrar(backend: backend, configuration: configuration) { instance }
        try await alongside {
            try await registrar.run()
        } _: {
            try await registrar.waitUntilRegistered()
            let start = clock.now
            let read = EtcdRead(range: EtcdRange(key: Array(backend.layout.key(of: instance).utf8)))
            let lease = try await direct.client.read(read, "test", key: nil).records.first?.lease
            try await watching(backend) { snapshots in
                try await eventually { snapshots.value.isLive(with: "a") }
                var entry = try await backend.write(ConfigDraft(ConfigContent("0")), to: key, expecting: .any)
                var round = 0
                while start.duration(to: clock.now) < .seconds(8) {
                    round += 1
                    entry = try await backend.write(
                        ConfigDraft(ConfigContent("\(round)")),
                        to: key,
                        expecting: .revision(entry.revision)
                    )
                    _ = try await direct.amend(instance.service, id: instance.id, InstanceChange(weight: round))
                    try await eventually { snapshots.value.last?.instances.first?.weight == round }
                }
                #expect(try await direct.entry(for: key)?.content.text == "\(round)")
                #expect(snapshots.value.allSatisfy { $0.freshness == .live })
            }
            #expect(try await direct.client.read(read, "test", key: nil).records.first?.lease == lease)
            registrar.beginShutdown()
            try await eventually { registrar.status.phase == .stopped }
        }
    }

    @Test(
        "what is too slow for its time ends with it, and says whether it may have been carried out",
        arguments: ServerProgram.etcd
    )
    func tooSlow(_ program: ServerProgram) async throws {
        try await EtcdServer.withServer(program) { server in
            try await withProxy(to: server.clientPort) { proxy in
                try await withEtcd(port: proxy.port, .init(timeout: .seconds(1))) { backend in
                    let key = try ConfigKey("big")
                    let content = ConfigContent(String(repeating: "x", count: 100_000))
                    // A second is little where many tests run: what is not slow on purpose is tried until it is done.
                    let small = ConfigDraft(ConfigContent("small"))
                    try await eventually { (try? await backend.write(small, to: key, expecting: .any)) != nil }
                    proxy.mode = .throttle(5000)
                    let write = await #expect(throws: BackendError.self) {
                        try await backend.client.put(EtcdPut(key: [1], value: content.bytes), "test", key: "k")
                    }
                    #expect(write?.code == .timeout)
                    #expect(write?.applied == .unknown)
                    // The line is full of what was sent.
                    let read = await #expect(throws: BackendError.self) { _ = try await backend.entry(for: key) }
                    #expect(read?.code == .timeout)
                    #expect(read?.applied == .no)
                    proxy.mode = .forward
                    try await eventually { (try? await backend.entry(for: key))?.content.text == "small" }
                    try await eventually {
                        (try? await backend.write(ConfigDraft(content), to: key, expecting: .any)) != nil
                    }
                    try await eventually { (try? await backend.entry(for: key))?.content == content }
                }
            }
        }
    }
}
