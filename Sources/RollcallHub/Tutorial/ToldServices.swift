import Rollcall
import RollcallService

/// What a program was told of the services that it needs, as a value: what it knows, and what may have reached it.
struct ToldServices {
    /// Something to tell.
    enum Push: Hashable {
        case add(HeartbeatServiceInfo)
        case remove(HeartbeatServiceInfo)

        var method: String { if case .add = self { "POST" } else { "DELETE" } }

        var info: HeartbeatServiceInfo {
            switch self {
            case .add(let info), .remove(let info): info
            }
        }
    }

    private var known: [ServiceName: Set<HeartbeatServiceInfo>] = [:]
    private var uncertain: Set<HeartbeatServiceInfo> = []

    /// Takes note of what it was told when it registered.
    mutating func note(_ instances: [HeartbeatServiceInfo], of service: ServiceName) {
        self.known[service] = Set(instances)
    }

    /// Takes note of what it may have been told by somebody who cannot be asked any more.
    mutating func doubt(_ instances: [HeartbeatServiceInfo]) {
        self.uncertain.formUnion(instances)
    }

    /// What it must be told of a service so that it knows what there is now, in that order.
    ///
    /// Such a program adds what it has already a second time: where it may have something or not, it must first forget
    /// it.
    func pushes(to now: [HeartbeatServiceInfo], of service: ServiceName) -> [Push] {
        let known = self.known[service] ?? []
        let told = known.union(self.uncertain.filter { $0.name == service })
        let removed = told.subtracting(now).sorted { $0.address < $1.address }
        let added = now.filter { !known.contains($0) }
        return removed.map(Push.remove)
            + added.flatMap { self.uncertain.contains($0) ? [.remove($0), .add($0)] : [Push.add($0)] }
    }

    /// Takes note that it is being told: until ``finish(_:)``, nobody knows whether it was.
    mutating func begin(_ push: Push) {
        self.uncertain.insert(push.info)
        self.known[push.info.name]?.remove(push.info)
    }

    /// Takes note that it was told.
    mutating func finish(_ push: Push) {
        self.uncertain.remove(push.info)
        if case .add(let info) = push { self.known[info.name, default: []].insert(info) }
    }
}
