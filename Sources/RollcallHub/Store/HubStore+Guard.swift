package import Rollcall

/// What the store does when most of a service's leases end at once.
extension HubStore {
    /// Keeps instances beyond their time when more than half of at least four of a service end within one
    /// time-to-live; without this every lease ends when it is due.
    ///
    /// They are kept for twice their time-to-live once more, from 5 s to 30 s.
    ///
    /// - Parameter exempt: Services whose leases end when they are due.
    package func guardExpiry(exempt: Set<ServiceName> = []) {
        let rules = ExpiryGuard.Rules(exempt: exempt)
        try? self.registry.perform { table throws(BackendError) in
            table.expiryGuard = ExpiryGuard(rules)
            return ((), nil)
        }
    }

    /// What the guard does now.
    package var guardStatus: ExpiryGuard.Status {
        let status = try? self.registry.perform { table throws(BackendError) in (table.guardStatus, nil) }
        return status ?? ExpiryGuard.Status()
    }
}

extension ExpiryGuard.Status {
    /// The services of which instances are kept, in order.
    var services: [(place: RegistryTable.Place, count: Int)] {
        self.held
            .sorted { ($0.key.namespace, $0.key.service) < ($1.key.namespace, $1.key.service) }
            .map { ($0.key, $0.value) }
    }

    /// The status as a part of `/v1/status`.
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("activations")
            writer.integer(self.activations)
            writer.key("held")
            writer.array { writer in
                for (place, count) in self.services {
                    writer.object { writer in
                        writer.key("namespace")
                        writer.string(place.namespace.text)
                        writer.key("service")
                        writer.string(place.service.text)
                        writer.key("instances")
                        writer.integer(count)
                    }
                }
            }
        }
    }
}
