import Rollcall

/// What a watch of all services knows, as a value without network or clock: which instances each has.
struct EtcdNames: Sendable {
    private let layout: any EtcdLayout
    private var instances: [ServiceName: Set<InstanceID>] = [:]

    init(layout: any EtcdLayout) {
        self.layout = layout
    }

    /// The services that have instances, in order.
    var services: [ServiceName] { self.instances.keys.sorted() }

    mutating func replace(with records: [EtcdRecord]) {
        self.instances = [:]
        for record in records { self.put(record) }
    }

    mutating func apply(_ events: [EtcdEvent]) {
        for event in events {
            guard event.isDeletion else {
                self.put(event.record)
                continue
            }
            guard let names = self.names(event.record) else { continue }
            self.instances[names.service]?.remove(names.id)
            if self.instances[names.service]?.isEmpty == true { self.instances[names.service] = nil }
        }
    }

    private mutating func put(_ record: EtcdRecord) {
        guard let names = self.names(record) else { return }
        self.instances[names.service, default: []].insert(names.id)
    }

    private func names(_ record: EtcdRecord) -> (service: ServiceName, id: InstanceID)? {
        self.layout.names(in: String(decoding: record.key, as: UTF8.self))
    }
}
