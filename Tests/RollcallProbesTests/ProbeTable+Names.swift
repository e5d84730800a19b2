import Rollcall

@testable import RollcallProbes

extension ProbeTable {
    mutating func track(_ instances: [ServiceInstance], of service: ServiceName, at now: TimeSource.Instant) {
        self.track(instances, of: RegistryTable.Place(namespace: .default, service: service), at: now)
    }
}
