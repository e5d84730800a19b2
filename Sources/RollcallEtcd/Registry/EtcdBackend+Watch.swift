public import Rollcall
import Synchronization

extension EtcdBackend {
    /// See ``RegistryBackend/instances(of:)``.
    public func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        let range = EtcdRange(prefix: Array(self.layout.prefix(of: service).utf8))
        var replica = EtcdReplica(service: service, reader: self.reader)
        let records = try await self.client.readAll(range, "instances", key: service.text).records
        let snapshot = replica.replace(with: records)
        self.tell(of: replica.unreadable, service)
        return snapshot ?? replica.snapshot()
    }

    /// See ``RegistryBackend/watch(_:deliver:)``.
    public func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        var replica = EtcdReplica(service: service, reader: self.reader)
        var isLive = false
        let range = EtcdRange(prefix: Array(self.layout.prefix(of: service).utf8))
        try await self.follow(range, "watch of \(service)") { told in
            switch told {
            case .all(let records):
                let change = replica.replace(with: records)
                if let change {
                    deliver(change)
                } else if !isLive {
                    deliver(replica.snapshot())
                }
                isLive = true
            case .changes(let events):
                if let change = replica.apply(events) { deliver(change) }
            case .live:
                guard !isLive, replica.hasSnapshot else { return }
                isLive = true
                deliver(replica.snapshot())
            case .interrupted:
                guard isLive else { return }
                isLive = false
                deliver(replica.snapshot(freshness: .stale(since: self.clock.now)))
            }
            self.tell(of: replica.unreadable, service)
        }
    }

    /// See ``RegistryBackend/services()``.
    public func services() async throws(BackendError) -> [ServiceSummary] {
        let range = EtcdRange(prefix: Array(self.layout.root.utf8))
        var counts: [ServiceName: [HealthStatus: Int]] = [:]
        let records = try await self.client.readAll(range, "services", key: nil).records
        for content in self.reader.contents(of: records) {
            guard case .success(let instance) = content.instance else { continue }
            counts[content.service, default: [:]][instance.status, default: 0] += 1
        }
        return counts.keys.sorted().map { ServiceSummary(service: $0, counts: counts[$0] ?? [:]) }
    }

    /// See ``RegistryBackend/watchServices(deliver:)``.
    public func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        var names = EtcdNames(layout: self.layout)
        var latest: [ServiceName]?
        let range = EtcdRange(prefix: Array(self.layout.root.utf8))
        try await self.follow(range, keysOnly: true, "watch of the services") { told in
            switch told {
            case .all(let records): names.replace(with: records)
            case .changes(let events): names.apply(events)
            case .live, .interrupted: return
            }
            guard names.services != latest else { return }
            latest = names.services
            deliver(names.services)
        }
    }

    /// Says once which records cannot be read.
    private func tell(of unreadable: [InstanceID: String], _ service: ServiceName) {
        guard !unreadable.isEmpty else { return }
        let texts = unreadable.map { "\(service)/\($0.key): \($0.value)" }
        let new = self.unreadable.withLock { told in
            // Strangers' records must fill neither the memory nor the log.
            texts.filter { told.count < Self.maximumTold && told.insert($0).inserted }
        }
        for text in new { self.log(.warning, "a record cannot be read and is left out: \(text)") }
    }

    private static let maximumTold = 1000
}
