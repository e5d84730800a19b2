import Rollcall

// What the hub's own checks change.
extension HubStore {
    /// Shows instances as critical that fail checks, and no longer when they pass.
    ///
    /// - Throws: `unavailable` when it cannot be written down.
    func note(_ results: [RegistryTable.CheckResult], at place: RegistryTable.Place) throws(BackendError) {
        try self.change { table throws(BackendError) in
            let change = table.note(results, at: place)
            let ids = Set(change?.upserted ?? [])
            let records = results.filter { ids.contains($0.id) }.map { result in
                JournalRecord.check(
                    namespace: place.namespace,
                    service: place.service,
                    id: result.id,
                    fails: result.fails
                )
            }
            return ((), change, records)
        }
    }

    /// The registrations of a service.
    func records(at place: RegistryTable.Place) -> [RegistryTable.Record] {
        let records = try? self.registry.perform { table throws(BackendError) in
            (table.records(at: place), nil)
        }
        return records ?? []
    }

    /// All services of all namespaces.
    var places: [RegistryTable.Place] {
        (try? self.registry.perform { table throws(BackendError) in (Array(table.places), nil) }) ?? []
    }
}
