import Rollcall

extension RegistryContract {
    static let registrationLines = [
        Line("C1", "what is registered is seen by others when register returns") { context in
            for number in 0..<20 {
                _ = try await context.first.register(try context.instance("i\(number)"), ttl: .seconds(30))
                let seen = try await context.ids(seenBy: context.second)
                try context.require(seen.contains("i\(number)"), "i\(number) is not in \(seen)")
            }
            let instances = try await context.second.instances(of: try context.service()).instances
            let undated = instances.filter { $0.registeredAt == nil }.map(\.id)
            try context.require(undated.isEmpty, "nobody knows when \(undated) registered")
            let summaries = try await context.second.services()
            try context.require(
                summaries == [ServiceSummary(service: try context.service(), counts: [.passing: 20])],
                "the list of services is \(summaries)"
            )
        },
        Line("C2", "leases are independent of each other") { context in
            let revoked = try await context.first.register(try context.instance("revoked"), ttl: .seconds(30))
            _ = try await context.first.register(try context.instance("lost"), ttl: context.harness.shortTTL)
            let kept = try await context.first.register(try context.instance("kept"), ttl: .seconds(30))
            try await revoked.revoke()
            try context.require(
                try await context.ids(seenBy: context.second).contains("kept"),
                "the end of one lease took another's instance along"
            )
            try await context.eventually("the lease that nobody renews ends") {
                try await context.ids(seenBy: context.second) == ["kept"]
            }
            try await kept.renew()
            try context.require(try await context.ids(seenBy: context.second) == ["kept"], "the kept instance is gone")
        },
        Line("C3", "an instance whose holder died disappears within its time-to-live and the backend's slack") {
            context in
            try await context.watching(through: context.second) { recorder in
                let lease = try await context.first.register(
                    try context.instance("dead"),
                    ttl: context.harness.shortTTL
                )
                try await context.eventually("the watch shows it") { recorder.ids == ["dead"] }
                // Five times the slack, as other tests load the machine: the promise itself is for a quiet one.
                let slack = context.first.capabilities.expirySlack * 5 + context.harness.lossSlack
                let limit = lease.ttl + slack
                try await context.eventually(within: limit, "the watch shows that it left") { recorder.ids == [] }
                let reason = recorder.snapshots.last?.departed[try InstanceID("dead")]
                let expected = context.first.capabilities.knowsDepartureReason ? DepartureReason.expired : .unknown
                try context.require(reason ?? .unknown == expected, "the reason is \(String(describing: reason))")
                try await context.requireError(.leaseLost) { try await lease.renew() }
            }
        },
        Line("C5", "revoke may be repeated, and no late renewal brings the instance back") { context in
            let lease = try await context.first.register(try context.instance("gone"), ttl: .seconds(30))
            try await lease.revoke()
            try await lease.revoke()
            try await context.requireError(.closed, .leaseLost) { try await lease.renew() }
            try await context.requireError(.closed, .leaseLost) { try await lease.update(try context.instance("gone")) }
            try await context.requireError(.closed, .leaseLost) { try await lease.keepAlive() }
            try context.require(try await context.ids(seenBy: context.second) == [], "the instance is back")
        },
        Line("C5-concurrent", "revoke while keepAlive runs ends both and leaves nothing") { context in
            for number in 0..<50 {
                let lease = try await context.first.register(
                    try context.instance("c\(number)"),
                    ttl: context.harness.shortTTL
                )
                try await context.alongside(body: { try await lease.revoke() }) {
                    _ = try? await lease.keepAlive()
                }
            }
            try context.require(try await context.ids(seenBy: context.second) == [], "an instance is back")
        },
        Line("C6", "a record of an expired lease is replaced, not inherited") { context in
            let old = try context.instance("same", port: 1111, metadata: ["old": "yes"])
            _ = try await context.first.register(old, ttl: context.harness.shortTTL)
            let service = try context.service()
            _ = try await context.second.amend(service, id: old.id, InstanceChange(status: .maintenance, weight: 0))
            try await context.eventually(within: context.patience + context.harness.lossSlack, "the lease ends") {
                try await context.ids(seenBy: context.second) == []
            }
            let new = try context.instance("same", port: 2222, metadata: ["new": "yes"])
            let lease = try await context.first.register(new, ttl: .seconds(30))
            let seen = try await context.second.instances(of: service)[new.id]
            try context.require(seen?.describesSame(as: new) == true, "it is \(String(describing: seen))")
            try await lease.renew()
        },
        Line("C7", "a time-to-live outside the backend's range is clamped, and the lease says so") { context in
            let range = context.first.capabilities.ttl
            let long = try await context.first.register(try context.instance("long"), ttl: .seconds(10_000_000))
            try context.require(long.ttl == range.upperBound, "granted \(long.ttl), the most is \(range.upperBound)")
            let short = try await context.first.register(try context.instance("short"), ttl: .nanoseconds(1))
            try context.require(short.ttl == range.lowerBound, "granted \(short.ttl), the least is \(range.lowerBound)")
            let zero = try await context.first.register(try context.instance("zero"), ttl: .zero)
            try context.require(zero.ttl == range.lowerBound, "granted \(zero.ttl), the least is \(range.lowerBound)")
        },
        Line("C7-cancelled", "a cancelled registration says so and leaves nothing") { context in
            let instance = try context.instance("cancelled")
            let outcome = await withTaskGroup(of: BackendError.Code?.self) { group in
                group.addTask {
                    withUnsafeCurrentTask { $0?.cancel() }
                    do throws(BackendError) {
                        _ = try await context.first.register(instance, ttl: .seconds(30))
                        return nil
                    } catch {
                        return error.code
                    }
                }
                return await group.next() ?? nil
            }
            try context.require(outcome == .cancelled, "the outcome is \(String(describing: outcome))")
            try context.require(try await context.ids(seenBy: context.second) == [], "the instance is registered")
        },
    ]
}
