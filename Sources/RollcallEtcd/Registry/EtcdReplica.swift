import Rollcall

/// What a watch knows of one service: a value, without network or clock.
struct EtcdReplica: Sendable {
    private let service: ServiceName
    private let reader: EtcdRecordReader
    private var instances: [InstanceID: ServiceInstance] = [:]
    private var revision: UInt64 = 0
    private(set) var hasSnapshot = false
    /// The records that cannot be read, and why.
    private(set) var unreadable: [InstanceID: String] = [:]

    init(service: ServiceName, reader: EtcdRecordReader) {
        self.service = service
        self.reader = reader
    }

    /// What is here, as the next snapshot of the watch.
    mutating func snapshot(
        departed: [InstanceID: DepartureReason] = [:],
        freshness: ServiceSnapshot.Freshness = .live
    ) -> ServiceSnapshot {
        self.revision += 1
        return ServiceSnapshot(
            service: self.service,
            instances: Array(self.instances.values),
            revision: self.revision,
            departed: departed,
            freshness: freshness,
            source: EtcdBackend.name
        )
    }

    /// Takes what a read of the whole prefix found.
    ///
    /// - Returns: The snapshot after it; `nil` when it is that which was here.
    mutating func replace(with records: [EtcdRecord]) -> ServiceSnapshot? {
        let former = self.instances
        self.instances = [:]
        self.unreadable = [:]
        self.put(records)
        let isFirst = !self.hasSnapshot
        self.hasSnapshot = true
        guard isFirst || self.instances != former else { return nil }
        return self.snapshot(departed: self.departed(from: former))
    }

    /// Takes changes in their order.
    ///
    /// - Returns: The snapshot after them; `nil` when nothing that is shown changed.
    mutating func apply(_ events: [EtcdEvent]) -> ServiceSnapshot? {
        let former = self.instances
        for event in events {
            guard event.isDeletion else {
                self.put([event.record])
                continue
            }
            guard let id = self.id(event.record) else { continue }
            self.instances[id] = nil
            self.unreadable[id] = nil
        }
        guard self.instances != former else { return nil }
        return self.snapshot(departed: self.departed(from: former))
    }

    private mutating func put(_ records: [EtcdRecord]) {
        for content in self.reader.contents(of: records) where content.service == self.service {
            switch content.instance {
            case .success(let instance):
                self.instances[content.id] = instance
                self.unreadable[content.id] = nil
            case .failure(let fault):
                // One record that cannot be read must not hide the others.
                self.instances[content.id] = nil
                self.unreadable[content.id] = "\(fault)"
            }
        }
    }

    private func id(_ record: EtcdRecord) -> InstanceID? {
        guard let names = self.reader.names(of: record) else { return nil }
        return names.service == self.service ? names.id : nil
    }

    /// etcd tells of a deletion, not why: an instance that said that it stops has left by itself.
    private func departed(from former: [InstanceID: ServiceInstance]) -> [InstanceID: DepartureReason] {
        former.filter { self.instances[$0.key] == nil }.mapValues {
            $0.status == .maintenance ? .deregistered : .unknown
        }
    }
}
