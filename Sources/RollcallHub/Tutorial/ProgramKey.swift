import Rollcall

/// What tells programs apart: an address alone does not, as several services may share one.
struct ProgramKey: Hashable {
    private let service: ServiceName
    private let id: InstanceID

    init(_ instance: ServiceInstance) {
        self.service = instance.service
        self.id = instance.id
    }
}
