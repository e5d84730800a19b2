import Rollcall

/// What a watch knows of one service: a value, without network or clock.
struct EtcdReplica: Sendable {
    private let service: ServiceName
    private let layout: any EtcdLayout
    private var instances: [InstanceID: ServiceInstance] = [:]
    private var revision: UInt64 = 0
    private(set) var hasSnapshot = false
    /// The records that cannot be read, and why.
    private(set) var unreadable: [InstanceID: String] = [:]

    init(service: ServiceName, layout: any EtcdLayout) {
        self.service = service
        self.layout = layout
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
        for record in records { self.put(record) }
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
            if event.isDeletion {
                guard let id = self.id(event.record) else { continue }
                self.instances[id] = nil
                self.unreadable[id] = nil
            } else {
                self.put(event.record)
            }
        }
        guard self.instances != former else { return nil }
        return self.snapshot(departed: self.departed(from: former))
    }

    private mutating func put(_ record: EtcdRecord) {
        guard let id = self.id(record) else { return }
        do throws(ValidationError) {
            self.instances[id] = try self.layout.decode(record.value, service: self.service, id: id).visible
            self.unreadable[id] = nil
        } catch {
            // One record that cannot be read must not hide the others.
            self.instances[id] = nil
            self.unreadable[id] = "\(error)"
        }
    }

    private func id(_ record: EtcdRecord) -> InstanceID? {
        guard let names = self.layout.names(in: String(decoding: record.key, as: UTF8.self)) else { return nil }
        return names.service == self.service ? names.id : nil
    }

    /// etcd tells of a deletion, not why: an instance that said that it stops has left by itself.
    private func departed(from former: [InstanceID: ServiceInstance]) -> [InstanceID: DepartureReason] {
        former.filter { self.instances[$0.key] == nil }.mapValues {
            $0.status == .maintenance ? .deregistered : .unknown
        }
    }
}
