import Rollcall

/// What is known of required services: the answer to the registration, and the pushes that came since.
///
/// The protocol numbers nothing, so the answer and a push may overtake each other. A push that comes while a
/// registration is under way therefore counts twice: at once, and again on top of the answer. The registry pushes
/// what happened after it answered, and repeating what the answer knows already changes nothing.
struct HeartbeatTable {
    /// A change that the registry pushed.
    enum Push: Hashable {
        case add(ServiceInstance)
        case remove(ServiceName, InstanceID)

        var service: ServiceName {
            switch self {
            case .add(let instance): instance.service
            case .remove(let service, _): service
            }
        }
    }

    /// The most instances of one service, so that nobody fills the memory by pushing.
    static let maximumInstances = 10_000
    /// The most pushes that are kept for the end of a registration.
    static let maximumPending = 10_000

    private(set) var required: Set<ServiceName> = []
    private var services: [ServiceName: [InstanceID: ServiceInstance]] = [:]
    private var pending: [Push]?

    /// The instances of a service.
    func instances(of service: ServiceName) -> [ServiceInstance] {
        Array((self.services[service] ?? [:]).values)
    }

    /// The services with instances, in order.
    var names: [ServiceName] { self.services.keys.sorted() }

    /// A registration is about to be sent: pushes are kept until its answer comes.
    mutating func beginRegistration(requiring required: [ServiceName]) {
        self.required = Set(required)
        self.pending = []
    }

    /// The registration failed: what the pushes said stays as it is.
    mutating func abandonRegistration() {
        self.pending = nil
    }

    /// The registration was answered.
    ///
    /// - Returns: The services of which something changed.
    mutating func finishRegistration(_ instances: [ServiceInstance]) -> Set<ServiceName> {
        let former = self.services
        self.services = [:]
        for instance in instances { self.apply(.add(instance)) }
        for push in self.pending ?? [] { self.apply(push) }
        self.pending = nil
        return Set(former.keys).union(self.services.keys).filter { former[$0] != self.services[$0] }
    }

    /// Takes a push.
    ///
    /// - Returns: Whether it changed anything.
    mutating func receive(_ push: Push) -> Bool {
        guard self.required.contains(push.service) else { return false }
        if let count = self.pending?.count, count < Self.maximumPending { self.pending?.append(push) }
        let former = self.services[push.service]
        self.apply(push)
        return self.services[push.service] != former
    }

    private mutating func apply(_ push: Push) {
        guard self.required.contains(push.service) else { return }
        switch push {
        case .add(let instance):
            guard self.services[instance.service, default: [:]].count < Self.maximumInstances else { return }
            self.services[instance.service, default: [:]][instance.id] = instance
        case .remove(let service, let id):
            self.services[service]?[id] = nil
            if self.services[service]?.isEmpty == true { self.services[service] = nil }
        }
    }
}
