import Rollcall

extension RegistryContract {
    static let ownershipLines = [
        Line("C5a", "of two holders of one id the last wins, and the first cannot touch its record") { context in
            let former = try await context.first.register(try context.instance("same", port: 1111), ttl: .seconds(30))
            let successor = try context.instance("same", port: 2222)
            let present = try await context.second.register(successor, ttl: .seconds(30))
            try await context.requireError(.displaced) { try await former.renew() }
            try await context.requireError(.displaced) {
                try await former.update(try context.instance("same", port: 3333))
            }
            try await former.revoke()
            let seen = try await context.first.instances(of: try context.service())[successor.id]
            try context.require(seen?.describesSame(as: successor) == true, "the record is \(String(describing: seen))")
            try await present.renew()
        },
        Line("C5a-expiry", "the end of a displaced lease's time leaves the successor alone") { context in
            let id = try context.instance("same").id
            _ = try await context.first.register(
                try context.instance("same", port: 1111),
                ttl: context.harness.shortTTL
            )
            let present = try await context.second.register(try context.instance("same", port: 2222), ttl: .seconds(60))
            let marker = try await context.first.register(try context.instance("marker"), ttl: context.harness.shortTTL)
            try await context.eventually("a lease of the same length ends") {
                try await !context.ids(seenBy: context.second).contains(marker.token.id.text)
            }
            try await present.renew()
            let seen = try await context.first.instances(of: try context.service())[id]
            try context.require(seen?.endpoint.port == 2222, "the record is \(String(describing: seen))")
        },
        Line("C5a-registrar", "a displaced registrar steps back, and returns when the id is free") { context in
            let configuration = RegistrarConfiguration(ttl: context.harness.shortTTL, addsAutomaticMetadata: false)
            let instance = try context.instance("same", port: 1111)
            let registrar = try Registrar(backend: context.first, configuration: configuration) { instance }
            try await context.alongside {
                try await registrar.waitUntilRegistered()
                let successor = try await context.second.register(
                    try context.instance("same", port: 2222),
                    ttl: .seconds(60)
                )
                try await context.eventually("it is displaced") { registrar.status.phase == .displaced }
                let seen = try await context.first.instances(of: try context.service())[instance.id]
                try context.require(seen?.endpoint.port == 2222, "the record is \(String(describing: seen))")
                try await successor.revoke()
                try await context.eventually("it is registered again") { registrar.status.phase == .registered }
                let back = try await context.second.instances(of: try context.service())[instance.id]
                try context.require(back?.endpoint.port == 1111, "the record is \(String(describing: back))")
            } _: {
                try? await registrar.run()
            }
        },
        Line("C8", "updates and amendments reach open watches, and an amendment stays over the holder's updates") {
            context in
            let service = try context.service()
            let instance = try context.instance("one")
            let lease = try await context.first.register(instance, ttl: .seconds(60))
            try await context.watching(through: context.second) { recorder in
                let latest = { recorder.snapshots.last?.instances.first }
                try await lease.update(try instance.applying(InstanceChange(tags: ["blue"])))
                try await context.eventually("the update is seen") { latest()?.tags == ["blue"] }
                let change = InstanceChange(status: .maintenance, weight: 0, metadata: ["why": "test"])
                let amended = try await context.second.amend(service, id: instance.id, change)
                try context.require(amended.status == .maintenance && amended.tags == ["blue"], "amended: \(amended)")
                try await context.eventually("the amendment is seen") { latest()?.status == .maintenance }
                try await lease.update(try instance.applying(InstanceChange(weight: 5, tags: ["green"])))
                try await context.eventually("the holder's update is seen") { latest()?.tags == ["green"] }
                try context.require(latest()?.weight == 0, "the holder's update ended the amendment")
                try context.require(latest()?.metadata["why"] == "test", "the holder's update ended the amendment")
                try await lease.renew()
                _ = try await context.second.register(instance, ttl: .seconds(60))
                try await context.eventually("the next process begins anew") {
                    latest()?.describesSame(as: instance) == true
                }
            }
            let nobody = try InstanceID("nobody")
            try await context.requireError(.notFound) {
                _ = try await context.second.amend(service, id: nobody, InstanceChange(weight: 1))
            }
        },
        Line("C8-removal", "who is removed by somebody else learns of it and stays out where the backend remembers") {
            context in
            let service = try context.service()
            let instance = try context.instance("one")
            let lease = try await context.first.register(instance, ttl: .seconds(60))
            try await context.second.remove(service, id: instance.id)
            try await context.second.remove(service, id: instance.id)
            try context.require(try await context.ids(seenBy: context.first) == [], "it is still there")
            if context.first.capabilities.remembersRemoval {
                try await context.requireError(.removed) { try await lease.renew() }
            } else {
                try await context.requireError(.leaseLost) { try await lease.renew() }
            }
        },
        Line("C8-resume", "a lease can be taken up by another process, or the backend says that it cannot") { context in
            let lease = try await context.first.register(try context.instance("one"), ttl: .seconds(60))
            do {
                let resumed = try await context.second.lease(resuming: lease.token)
                try context.require(resumed.ttl == lease.ttl, "granted \(resumed.ttl), it was \(lease.ttl)")
                try await resumed.renew()
                try await resumed.revoke()
                try context.require(try await context.ids(seenBy: context.first) == [], "it is still there")
                try await context.requireError(.leaseLost) {
                    _ = try await context.second.lease(resuming: lease.token)
                }
            } catch let error as BackendError where error.code == .unsupported {
                try await lease.renew()
            }
        },
    ]
}
