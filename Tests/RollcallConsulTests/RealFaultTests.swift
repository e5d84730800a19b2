import Foundation
import Rollcall
import RollcallTesting
import Testing

@testable import RollcallConsul

/// What happens on the way to a real Consul, and to it.
@Suite(
    "Consul under faults",
    .serialized,
    .timeLimit(.minutes(5)),
    .enabled(if: !ServerProgram.consul.isEmpty, Comment(rawValue: ServerProgram.skipReason(.consul)))
)
struct RealFaultTests {
    private let web: ServiceName

    init() throws { self.web = try ServiceName("web") }

    /// What a watch shows, and whether it is live.
    private final class View: Sendable {
        let snapshots = MutexBox<[ServiceSnapshot]>([])

        var ids: [String]? { self.snapshots.value.last?.instances.map(\.id.text) }
        var isLive: Bool { self.snapshots.value.last?.freshness == .live }
    }

    private func watching(_ backend: ConsulBackend, _ body: (View) async throws -> Void) async throws {
        let view = View()
        let web = self.web
        try await alongside {
            _ = try? await backend.watch(web) { snapshot in view.snapshots.change { $0.append(snapshot) } }
        } _: {
            try await body(view)
        }
    }

    /// Runs a proxy, a client behind it and a registrar of that client, of the instance `far`.
    private func withFar(
        _ consul: RealConsul,
        ttl: Duration = .seconds(3),
        _ body: (FaultProxy, ConsulBackend, Registrar) async throws -> Void
    ) async throws {
        let proxy = try FaultProxy(to: consul.port)
        try await alongside {
            await proxy.run()
        } _: {
            let backend = try consul.backend(port: proxy.port) {
                ($0.timeout, $0.wait) = (.seconds(1), .seconds(2))
            }
            let configuration = RegistrarConfiguration(ttl: ttl, addsAutomaticMetadata: false)
            let registrar = try Registrar(backend: backend, configuration: configuration) { try .sample("far") }
            try await alongside {
                try? await registrar.run()
            } _: {
                try await registrar.waitUntilRegistered()
                try await body(proxy, backend, registrar)
            }
        }
    }

    /// The ids of the service's records in the catalog and their numbers of checks, whatever those say.
    private func records(_ consul: RealConsul) async throws -> [String: Int] {
        let list = try #require(try await consul.json("/v1/health/service/web") as? [[String: Any]])
        return Dictionary(
            list.compactMap { entry -> (String, Int)? in
                guard let id = (entry["Service"] as? [String: Any])?["ID"] as? String,
                    let checks = entry["Checks"] as? [[String: Any]]
                else { return nil }
                return (id, checks.count { ($0["ServiceID"] as? String)?.isEmpty == false })
            },
            uniquingKeysWith: +
        )
    }

    @Test(
        "a partition in any direction ends with all views the same, and no ghosts",
        arguments: ServerProgram.consul,
        [FaultProxy.Mode.halfOpenOneWay(.toServer), .halfOpenOneWay(.toClient), .halfOpen, .refuse]
    )
    func partition(_ program: ServerProgram, _ mode: FaultProxy.Mode) async throws {
        try await RealConsul.run(program) { consul in
            let near = try consul.backend()
            try await self.withFar(consul) { proxy, far, _ in
                let leaving = try await near.register(try .sample("leaving"), ttl: .seconds(120))
                try await self.watching(near) { nearView in
                    try await self.watching(far) { farView in
                        try await eventually {
                            nearView.ids == ["far", "leaving"] && farView.ids == ["far", "leaving"]
                        }
                        proxy.mode = mode
                        try await eventually { !farView.isLive }
                        try await leaving.revoke()
                        _ = try await near.register(try .sample("staying"), ttl: .seconds(120))
                        if mode == .halfOpenOneWay(.toClient) {
                            // Its renewals arrive, of which it learns nothing.
                            try await ContinuousClock().sleep(for: .seconds(5))
                            #expect(
                                nearView.ids?.contains("staying") == true && nearView.ids?.contains("leaving") == false
                            )
                            #expect(!farView.isLive && farView.ids?.contains("leaving") == true)
                        } else {
                            try await eventually { nearView.ids == ["staying"] }
                        }
                        proxy.mode = .forward
                        // Those who were cut off come back within a time-to-live and what else there is, unless an earlier
                        // attempt comes late and takes the place of the one that counts.
                        try await eventually(within: .seconds(40)) {
                            nearView.ids == ["far", "staying"] && farView.ids == ["far", "staying"] && farView.isLive
                        }
                        try await eventually {
                            farView.snapshots.value.last?.instances == nearView.snapshots.value.last?.instances
                        }
                        try await eventually {
                            try await self.records(consul) == ["web--far": 1, "web--staying": 1]
                        }
                    }
                }
            }
            // The registrar has ended: what may have arrived late runs out, too.
            try await eventually(within: .seconds(40)) {
                try await near.instances(of: self.web).instances.map(\.id.text) == ["staying"]
            }
        }
    }

    @Test("a registration that arrives late is its own process's, and no rival", arguments: ServerProgram.consul)
    func stray(_ program: ServerProgram) async throws {
        try await RealConsul.run(program) { consul in
            let proxy = try FaultProxy(to: consul.port)
            let web = self.web
            try await alongside {
                await proxy.run()
            } _: {
                let backend = try consul.backend(port: proxy.port) { $0.timeout = .seconds(1) }
                let instance = try ServiceInstance.sample()
                #expect(try await backend.instances(of: web).instances.isEmpty)
                proxy.mode = .halfOpenOneWay(.toClient)
                let error = await #expect(throws: BackendError.self) {
                    _ = try await backend.register(instance, ttl: .seconds(30))
                }
                #expect(error?.applied == .unknown, "\(String(describing: error))")
                proxy.mode = .forward
                // Another attempt goes over a new connection; then the first one arrives once more.
                let lease = try await backend.register(instance, ttl: .seconds(30))
                let nonce = try #require(backend.strays.all.first)
                let late = Registration(
                    id: "web--one",
                    name: "web",
                    instance: instance,
                    nonce: nonce,
                    ttl: .seconds(30),
                    layout: backend.layout
                )
                try await consul.call(
                    "PUT",
                    "/v1/agent/service/register?replace-existing-checks=true",
                    String(decoding: late.json, as: UTF8.self)
                )
                let lost = await #expect(throws: BackendError.self) { try await lease.renew() }
                #expect(lost?.code == .leaseLost, "\(String(describing: lost))")
            }
        }
    }

    @Test(
        "a slow link loses no lease and no change",
        arguments: ServerProgram.consul,
        [FaultProxy.Mode.delay(.milliseconds(150)), .throttle(20_000)]
    )
    func slow(_ program: ServerProgram, _ mode: FaultProxy.Mode) async throws {
        try await RealConsul.run(program) { consul in
            let near = try consul.backend()
            try await self.withFar(consul) { proxy, far, _ in
                try await self.watching(near) { nearView in
                    try await self.watching(far) { farView in
                        try await eventually { nearView.ids == ["far"] && farView.ids == ["far"] }
                        proxy.mode = mode
                        for number in 0..<5 {
                            let lease = try await near.register(try .sample("n\(number)"), ttl: .seconds(60))
                            try await eventually { farView.ids == ["far", "n\(number)"] }
                            let key = try ConfigKey("k\(number)")
                            _ = try await far.write(ConfigDraft(ConfigContent("x")), to: key, expecting: .absent)
                            try await lease.revoke()
                            try await eventually { farView.ids == ["far"] }
                        }
                        let lapses = nearView.snapshots.value.count { snapshot in
                            !snapshot.instances.contains { $0.id.text == "far" }
                        }
                        #expect(lapses == 0)
                    }
                }
            }
        }
    }

    @Test(
        "a server that was killed is the same again, with its data or without",
        arguments: ServerProgram.consul,
        [true, false]
    )
    func killed(_ program: ServerProgram, _ keepsData: Bool) async throws {
        try await RealConsul.run(program) { consul in
            let near = try consul.backend()
            let key = try ConfigKey("shop/limits")
            try await self.withFar(consul) { _, far, _ in
                _ = try await near.write(ConfigDraft(ConfigContent("1")), to: key, expecting: .absent)
                let lock = try await near.acquire(try LockName("nightly"), ttl: .seconds(30))
                let states = MutexBox<[String?]>([])
                try await self.watching(near) { nearView in
                    try await self.watching(far) { farView in
                        try await alongside {
                            _ = try? await far.watch(key) { state in
                                if case .present(let entry) = state {
                                    states.change { $0.append(entry.content.text) }
                                } else {
                                    states.change { $0.append(nil) }
                                }
                            }
                        } _: {
                            try await eventually {
                                nearView.ids == ["far"] && farView.ids == ["far"] && states.value == ["1"]
                            }
                            for _ in 0..<2 {
                                try await consul.server.process.restart(keepingData: keepsData)
                                try await eventually(within: .seconds(40)) {
                                    nearView.ids == ["far"] && farView.ids == ["far"] && nearView.isLive
                                        && farView.isLive
                                }
                                try await eventually { try await self.records(consul) == ["web--far": 1] }
                            }
                            try await eventually { states.value.last == (keepsData ? "1" : .some(nil)) }
                            // The watch goes on with what is written from now on.
                            _ = try await near.write(ConfigDraft(ConfigContent("2")), to: key, expecting: .any)
                            try await eventually { states.value.last == "2" }
                            if keepsData {
                                #expect(try await near.holder(of: try LockName("nightly"))?.token == lock.token)
                                try await lock.release()
                            } else {
                                let lost = await #expect(throws: BackendError.self) { try await lock.keepAlive() }
                                #expect(lost?.code == .leaseLost)
                            }
                        }
                    }
                }
            }
        }
    }
}
