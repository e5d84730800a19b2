import Rollcall
import Synchronization

extension RegistryContract {
    static let watchingLines = [
        Line("C9", "the first element of a watch is the current state, also when it is empty") { context in
            try await context.watching("nobody", through: context.first) { recorder in
                try await context.eventually("an empty snapshot comes") { recorder.ids == [] }
            }
            _ = try await context.first.register(try context.instance("one"), ttl: .seconds(60))
            try await context.watching(through: context.second) { recorder in
                try await context.eventually("the current snapshot comes") { recorder.ids == ["one"] }
                try context.require(recorder.snapshots.count == 1, "there were \(recorder.snapshots.count) snapshots")
                try context.require(recorder.snapshots.first?.departed == [:], "somebody left before the first")
            }
            let unknown = try await context.first.instances(of: try context.service("nobody"))
            try context.require(unknown.instances.isEmpty, "an unknown service has instances")
        },
        Line("C11", "a service is matched exactly") { context in
            let names = [
                "web", "web2", "web/x", "we", "WEB", "web ", "wéb", "we\u{301}b", "%77eb", "../web", "web?x#y",
            ]
            for (number, name) in names.enumerated() {
                _ = try await context.first.register(try context.instance("i\(number)", of: name), ttl: .seconds(60))
            }
            for (number, name) in names.enumerated() {
                let seen = try await context.ids(of: name, seenBy: context.second)
                try context.require(seen == ["i\(number)"], "\(name) shows \(seen)")
                try await context.watching(name, through: context.second) { recorder in
                    try await context.eventually("\(name) shows its own") { recorder.ids == ["i\(number)"] }
                }
            }
            let listed = try await context.second.services().map(\.service)
            try context.require(listed == (try names.map { try ServiceName($0) }).sorted(), "the list is \(listed)")
        },
        Line("C12", "a slow reader gets the latest state and delays nobody") { context in
            let discovery = Discovery(backend: context.second)
            let service = try context.service()
            let instance = try context.instance("one")
            let lease = try await context.first.register(instance, ttl: .seconds(60))
            try await context.alongside {
                try await discovery.withUpdates(of: service) { slow in
                    var reader = slow.makeAsyncIterator()
                    let first = try await reader.next()
                    try context.require(
                        first?.instances.first?.weight == 1,
                        "the first is \(String(describing: first))"
                    )
                    try await context.watching(through: context.second) { quick in
                        for weight in 2...200 {
                            try await lease.update(try instance.applying(InstanceChange(weight: weight)))
                        }
                        try await context.eventually("the quick one is up to date") {
                            quick.snapshots.last?.instances.first?.weight == 200
                        }
                    }
                    try await context.eventually("the shared table is up to date") {
                        discovery.currentSnapshot(of: service)?.instances.first?.weight == 200
                    }
                    let next = try await reader.next()
                    try context.require(
                        next?.instances.first?.weight == 200,
                        "the slow one gets \(String(describing: next))"
                    )
                }
            } _: {
                try? await discovery.run()
            }
        },
        Line("C13", "cancelling a watch ends everything that it opened", isExclusive: true) { context in
            let service = try context.service("missing")
            let cycles = context.harness.watchCycles
            try await Self.openAndCancel(cycles / 10, service, context)
            // Connections that clients keep, and what the first cycles warm up, are not the watch's.
            for client in context.clients { _ = await client.health() }
            let work = WorkGauge.active
            let descriptors = ProcessResources.descriptorCount
            try await Self.checkServerCounts(service, context)
            try await Self.openAndCancel(cycles / 2, service, context)
            let middle = ProcessResources.residentBytes
            try await Self.openAndCancel(cycles / 2, service, context)
            let growth = ProcessResources.residentBytes - middle
            try await context.eventually("the work is back at \(work), not \(WorkGauge.active)") {
                WorkGauge.active <= work
            }
            try await context.eventually("the server's watches are gone") {
                try await context.harness.serverSideWatches() ?? 0 == 0
            }
            // The other side of a connection may close it a moment later.
            try await context.eventually("the descriptors are back at \(descriptors)") {
                ProcessResources.descriptorCount <= descriptors
            }
            try context.require(growth < 8 << 20, "the second half of \(cycles) cycles took \(growth) bytes of memory")
        },
        Line("C14", "a change of another service does not wake a watch") { context in
            _ = try await context.first.register(try context.instance("one"), ttl: .seconds(60))
            try await context.watching(through: context.second) { recorder in
                try await context.eventually("the first snapshot comes") { recorder.ids == ["one"] }
                for number in 0..<100 {
                    _ = try await context.first.register(
                        try context.instance("i\(number)", of: "web2"),
                        ttl: .seconds(60)
                    )
                }
                _ = try await context.first.register(try context.instance("two"), ttl: .seconds(60))
                try await context.eventually("its own change comes") { recorder.ids == ["one", "two"] }
                try context.require(recorder.snapshots.count == 2, "it was woken \(recorder.snapshots.count) times")
            }
        },
        Line("C10-names", "the list of services follows what comes and goes") { context in
            let seen = Mutex<[[ServiceName]]>([])
            try await context.alongside {
                try await context.eventually("the empty list comes") { seen.withLock { $0.last } == [] }
                let lease = try await context.first.register(try context.instance("one"), ttl: .seconds(60))
                _ = try await context.first.register(try context.instance("two", of: "api"), ttl: .seconds(60))
                let both = [try context.service("api"), try context.service("web")]
                try await context.eventually("both are listed") { seen.withLock { $0.last } == both }
                try await lease.revoke()
                try await context.eventually("one is listed") { seen.withLock { $0.last } == [both[0]] }
            } _: {
                _ = try? await context.second.watchServices { names in seen.withLock { $0.append(names) } }
            }
        },
    ]

    /// A server that counts its watches counts one that is open, and none before: else the end of one could not be seen.
    private static func checkServerCounts(_ service: ServiceName, _ context: ContractContext) async throws {
        guard try await context.harness.serverSideWatches() != nil else { return }
        try await context.eventually("the server has no watches") {
            try await context.harness.serverSideWatches() == 0
        }
        try await context.watching(service.text, through: context.first) { _ in
            try await context.eventually("the server counts the watch") {
                try await context.harness.serverSideWatches() == 1
            }
        }
    }

    /// Of three watches one is cancelled before it is open, one as it shows the first state, and one when it waits for changes.
    private static func openAndCancel(_ cycles: Int, _ service: ServiceName, _ context: ContractContext) async throws {
        for cycle in 0..<cycles {
            let isShown = Signal()
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try? await context.first.watch(service) { _ in isShown.raise() }
                    isShown.raise()
                }
                if cycle % 3 == 0 { await Task.yield() } else { await isShown.wait() }
                if cycle % 3 == 2 { try? await ContinuousClock().sleep(for: .milliseconds(1)) }
                group.cancelAll()
            }
        }
    }
}
