import Rollcall

extension RegistryContract {
    static let faultLines = [
        Line("C4", "a registrar comes back after the server forgot it", isExclusive: true) { context in
            let configuration = RegistrarConfiguration(ttl: context.harness.shortTTL)
            let instance = try context.instance("one")
            let registrar = try Registrar(backend: context.first, configuration: configuration) { instance }
            try await context.alongside {
                try await registrar.waitUntilRegistered()
                try context.require(try await context.ids(seenBy: context.second) == ["one"], "it is not seen")
                // Guards keep it for callers until it is back.
                let meanwhile = context.harness.lossSlack > .zero ? ["one"] : []
                for _ in 0..<3 {
                    let service = try context.service()
                    let former = try await context.second.instances(of: service).instances.first
                    try await context.harness.wipe()
                    let seen = try await context.second.instances(of: service).instances
                    // Where the server is a process that begins anew, the registrar may be quicker than this look.
                    let isBack = seen.count == 1 && seen.first?.registeredAt != former?.registeredAt
                    try context.require(isBack || seen.map(\.id.text) == meanwhile, "after the wipe there is \(seen)")
                    try await context.eventually("it is back") {
                        try await context.registered(seenBy: context.second) == ["one"]
                    }
                }
            } _: {
                try? await registrar.run()
            }
        },
        Line("C4-partition", "a registrar comes back after an absence longer than its time-to-live", isExclusive: true)
        { context in
            let configuration = RegistrarConfiguration(ttl: context.harness.shortTTL)
            let instance = try context.instance("one")
            let registrar = try Registrar(backend: context.first, configuration: configuration) { instance }
            try await context.alongside {
                try await registrar.waitUntilRegistered()
                try await context.harness.setReachable(false)
                try await ContinuousClock().sleep(for: context.harness.shortTTL * 3)
                try await context.harness.setReachable(true)
                try await context.eventually("it is back") {
                    try await context.registered(seenBy: context.second) == ["one"]
                }
            } _: {
                try? await registrar.run()
            }
        },
        Line("C4-start", "a registrar that starts while the server is away registers when it comes", isExclusive: true)
        { context in
            let configuration = RegistrarConfiguration(ttl: context.harness.shortTTL)
            let instance = try context.instance("one")
            let registrar = try Registrar(backend: context.first, configuration: configuration) { instance }
            try await context.harness.setReachable(false)
            try await context.alongside {
                try await context.eventually("it says why it is not registered") { registrar.status.lastError != nil }
                try await context.harness.setReachable(true)
                try await registrar.waitUntilRegistered()
                try context.require(try await context.registered(seenBy: context.second) == ["one"], "it is not seen")
            } _: {
                try? await registrar.run()
            }
        },
        Line("C7-away", "a registration that failed leaves nothing behind", isExclusive: true) { context in
            let instance = try context.instance("one")
            try await context.harness.setReachable(false)
            try await context.requireError(.unavailable, .timeout) {
                _ = try await context.first.register(instance, ttl: context.harness.shortTTL)
            }
            try await context.harness.setReachable(true)
            try await context.eventually("nothing is there") { try await context.ids(seenBy: context.second) == [] }
        },
        Line("C10", "no change is lost, whatever the connection does", isExclusive: true) { context in
            var generator = SystemRandomNumberGenerator()
            var leases: [String: any InstanceLease] = [:]
            try await context.watching(through: context.second) { recorder in
                for round in 0..<10 {
                    for _ in 0..<20 {
                        let id = "i\(Int.random(in: 0..<8, using: &generator))"
                        if let lease = leases.removeValue(forKey: id) {
                            try await lease.revoke()
                        } else {
                            leases[id] = try await context.first.register(try context.instance(id), ttl: .seconds(120))
                        }
                    }
                    if round.isMultiple(of: 3) {
                        try await context.harness.setReachable(false)
                        try await ContinuousClock().sleep(for: .milliseconds(20))
                        try await context.harness.setReachable(true)
                    }
                    if round == 5 {
                        try await context.harness.wipe()
                        leases = [:]
                    }
                    let expected = leases.keys.sorted()
                    // What was wiped, or left while the way was cut, may be held.
                    let limit = context.patience + context.harness.lossSlack
                    try await context.eventually(
                        within: limit,
                        "the watch shows \(expected), not \(recorder.ids ?? [])"
                    ) {
                        recorder.ids == expected && recorder.snapshots.last?.freshness == .live
                    }
                }
                let revisions = recorder.snapshots.map(\.revision)
                try context.require(zip(revisions, revisions.dropFirst()).allSatisfy(<), "revisions do not rise")
            }
        },
    ]
}
