import HTTPEngine
import Rollcall
import RollcallHub
import RollcallHubClient
import RollcallTesting
import Testing

@Suite("Hub driver: cancelled at any point", .timeLimit(.minutes(2)), .serialized)
struct CancellationTests {
    /// Runs a hub behind a proxy that counts connections for as long as `body` runs.
    private static func withHub(_ body: @escaping @Sendable (HubServer, FaultProxy) async throws -> Void) async throws {
        let hub = try HubServer(HubServer.Configuration(port: 0))
        let proxy = try FaultProxy(to: hub.port)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await hub.run() }
            group.addTask { await proxy.run() }
            defer { group.cancelAll() }
            try await body(hub, proxy)
        }
    }

    /// Runs `operation` in a task that is cancelled after `turns` turns of this one.
    private static func cancel(
        after turns: Int,
        _ operation: @escaping @Sendable () async throws(BackendError) -> Void
    ) async -> BackendError? {
        await withTaskGroup(of: BackendError?.self) { group in
            group.addTask {
                do throws(BackendError) {
                    try await operation()
                    return nil
                } catch {
                    return error
                }
            }
            for _ in 0..<turns { await Task.yield() }
            group.cancelAll()
            return await group.next() ?? nil
        }
    }

    @Test("calls end with 'cancelled' or their result, and leave no connection behind", arguments: DriverCall.allCases)
    func calls(_ call: DriverCall) async throws {
        try await Self.withHub { hub, proxy in
            do {
                let backend = try HubBackend(url: "hub://127.0.0.1:\(proxy.port)")
                for turns in 0..<150 {
                    let error = await Self.cancel(after: turns) { () async throws(BackendError) in
                        try await call.run(backend)
                    }
                    let codes: [BackendError.Code?] = [nil, .cancelled, .notFound, .leaseLost]
                    #expect(codes.contains(error?.code), "after \(turns): \(String(describing: error))")
                }
                #expect(try await backend.services().count <= 1)
            }
            try await eventually { proxy.connectionCount == 0 }
            _ = hub
        }
    }

    @Test("a registration that is cancelled on its way is given back once its answer is there")
    func registrationOnItsWay() async throws {
        let (arrived, release) = (Signal(), Signal())
        let record = Record()
        try await withFakeHub { exchange in
            record.add("\(exchange.head.method) \(exchange.head.fields.first("rollcall-lease") ?? "-")")
            guard exchange.head.method == "PUT" else { return exchange.respond(204) }
            arrived.raise()
            await release.wait()
            exchange.respond(200, "application/json", body: Array(#"{"lease":{"secret":"s1","ttl":"10s"}}"#.utf8))
        } _: { backend in
            let error = await withTaskGroup(of: BackendError?.self) { group in
                group.addTask {
                    do throws(BackendError) {
                        try await DriverCall.register.run(backend)
                        return nil
                    } catch {
                        return error
                    }
                }
                await arrived.wait()
                group.cancelAll()
                release.raise()
                return await group.next() ?? nil
            }
            #expect(error?.code == .cancelled)
            #expect(error?.applied == .no)
            #expect(record.all == ["PUT -", "DELETE s1"])
        }
    }

    @Test("a registration of a cancelled task is not sent at all")
    func cancelledBefore() async throws {
        let record = Record()
        try await withFakeHub { exchange in
            record.add(exchange.head.method)
            exchange.respond(500)
        } _: { backend in
            let error = await Self.cancel(after: 0) { () async throws(BackendError) in
                while !Task.isCancelled { await Task.yield() }
                try await DriverCall.register.run(backend)
            }
            #expect(error?.code == .cancelled)
            #expect(error?.applied == .no)
            #expect(record.all.isEmpty)
        }
    }

    @Test("names that went while the stream was away are told as gone")
    func namesAway() async throws {
        try await Self.withHub { hub, proxy in
            let backend = try HubBackend(url: "hub://127.0.0.1:\(proxy.port)")
            let record = Record()
            let lease = try hub.store.register(.sample("a", of: "one"), in: .default, ttl: .seconds(60))
            _ = try hub.store.register(.sample("a", of: "two"), in: .default, ttl: .seconds(60))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await backend.watchServices { names in
                        record.add(names.map(\.text).joined(separator: " "))
                    }
                }
                try await eventually { record.all == ["one two"] }
                proxy.mode = .refuse
                proxy.cut()
                try hub.store.revoke(lease.token, in: .default)
                proxy.mode = .forward
                try await eventually { record.all == ["one two", "two"] }
                group.cancelAll()
                while let end = await group.nextResult() { #expect(throws: BackendError.self) { try end.get() } }
            }
        }
    }

    @Test("watches end with 'cancelled', and the hub forgets them")
    func watches() async throws {
        try await Self.withHub { hub, proxy in
            let service = try ServiceName("web")
            do {
                let backend = try HubBackend(url: "hub://127.0.0.1:\(proxy.port)")
                for turns in 0..<200 {
                    let error = await Self.cancel(after: turns) { () async throws(BackendError) in
                        if turns.isMultiple(of: 2) {
                            try await backend.watch(service) { _ in }
                        } else {
                            try await backend.watchServices { _ in }
                        }
                    }
                    #expect(error?.code == .cancelled)
                }
            }
            try await eventually { hub.store.watchCount == 0 && proxy.connectionCount == 0 }
        }
    }

    @Test("what keeps a lease alive ends with 'cancelled', and the lease may be revoked afterwards")
    func keepAlive() async throws {
        try await Self.withHub { hub, proxy in
            let backend = try HubBackend(url: "hub://127.0.0.1:\(proxy.port)")
            let lease = try await backend.register(.sample("a"), ttl: .seconds(1))
            for turns in 0..<50 {
                let error = await Self.cancel(after: turns) { () async throws(BackendError) in
                    try await lease.keepAlive()
                }
                #expect(error?.code == .cancelled)
            }
            try await lease.revoke()
            #expect(try await backend.services().isEmpty)
            _ = hub
        }
    }

    @Test("a network that does nothing, drips, or breaks is got over")
    func network() async throws {
        try await Self.withHub { hub, proxy in
            let url = "hub://127.0.0.1:\(proxy.port)"
            let backend = try HubBackend(url: url, configuration: .init(timeout: .milliseconds(500)))
            _ = try await backend.register(.sample("a"), ttl: .seconds(60))
            proxy.mode = .halfOpen
            let silent = await #expect(throws: BackendError.self) { try await backend.services() }
            #expect(silent?.code == .timeout)
            proxy.mode = .delay(.milliseconds(50))
            #expect(try await backend.services().count == 1)
            proxy.mode = .throttle(20_000)
            #expect(try await backend.instances(of: ServiceName("web")).instances.count == 1)
            proxy.mode = .refuse
            let refused = await #expect(throws: BackendError.self) { try await backend.services() }
            #expect(refused?.code == .unavailable)
            proxy.mode = .forward
            proxy.cut()
            #expect(try await backend.services().count == 1)
            let health = await backend.health()
            #expect(health.isReachable && health.canRead && health.canWrite)
            #expect(health.serverVersion == RollcallVersion.text)
            _ = hub
        }
    }
}
