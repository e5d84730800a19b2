import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a journal's records amount to.
enum JournalReplay {
    /// The highest revision that may have been given out.
    static func reserved(in records: [JournalRecord]) -> UInt64 {
        records.reduce(0) { highest, record in
            if case .reserve(let revision) = record { max(highest, revision) } else { highest }
        }
    }

    /// Carries out the records.
    ///
    /// Every lease begins anew now, so that each has one time-to-live of grace.
    ///
    /// - Parameters:
    ///   - records: What changed, in order.
    ///   - now: The time by the clock of leases.
    ///   - date: The time by the calendar.
    /// - Returns: What there is.
    static func table(of records: [JournalRecord], at now: TimeSource.Instant, date: Date) -> RegistryTable {
        var table = RegistryTable(now: now, revision: Self.reserved(in: records))
        for record in records { Self.apply(record, to: &table, at: now, date: date) }
        return table
    }

    private static func apply(
        _ record: JournalRecord,
        to table: inout RegistryTable,
        at now: TimeSource.Instant,
        date: Date
    ) {
        switch record {
        case .register(let namespace, let instance, let proof, let ttl):
            let since = instance.registeredAt ?? date
            _ = table.register(instance, in: namespace, proof: proof, ttl: ttl, at: now, date: since)
        case .update(let namespace, let instance, let proof):
            // What could not be carried out when it was written is not in the journal.
            _ = try? table.update(instance, proof: proof, in: namespace, at: now)
        case .amend(let namespace, let service, let id, let change):
            _ = try? table.amend(service, id: id, change, in: namespace)
        case .check(let namespace, let service, let id, let fails):
            let place = RegistryTable.Place(namespace: namespace, service: service)
            let since = table.record(id, at: place)?.own.registeredAt
            _ = table.note([RegistryTable.CheckResult(id: id, registeredAt: since, fails: fails)], at: place)
        case .end(let namespace, let service, let id):
            Self.end(id, of: service, in: namespace, &table)
        case .tombstone(let proof, let until):
            let remaining = until - Int64(date.timeIntervalSince1970 * 1000)
            if remaining > 0 {
                table.restoreTombstone(proof, until: now.advanced(by: .milliseconds(remaining)))
            }
        case .reserve:
            break
        }
    }

    private static func end(
        _ id: InstanceID,
        of service: ServiceName,
        in namespace: Namespace,
        _ table: inout RegistryTable
    ) {
        let place = RegistryTable.Place(namespace: namespace, service: service)
        guard let record = table.record(id, at: place) else { return }
        _ = table.revoke(service, id: id, proof: record.proof, in: namespace)
    }

    /// The records that lead to a table from nothing.
    ///
    /// - Parameters:
    ///   - table: What there is.
    ///   - now: The time by the clock of leases.
    ///   - date: The time by the calendar.
    /// - Returns: The records.
    static func records(of table: RegistryTable, at now: TimeSource.Instant, date: Date) -> [JournalRecord] {
        var records: [JournalRecord] = []
        for place in table.places {
            for record in table.records(at: place) { records += Self.records(of: record, at: place) }
        }
        let calendar = Int64(date.timeIntervalSince1970 * 1000)
        for (proof, moment) in table.tombstones {
            let until = calendar + now.duration(to: moment).milliseconds
            records.append(.tombstone(proof: proof, until: until))
        }
        return records
    }

    private static func records(of record: RegistryTable.Record, at place: RegistryTable.Place) -> [JournalRecord] {
        let (namespace, service, id) = (place.namespace, place.service, record.own.id)
        var records: [JournalRecord] = [
            .register(namespace: namespace, instance: record.own, proof: record.proof, ttl: record.ttl)
        ]
        if !record.amendment.isEmpty {
            records.append(.amend(namespace: namespace, service: service, id: id, change: record.amendment))
        }
        if record.failsChecks { records.append(.check(namespace: namespace, service: service, id: id, fails: true)) }
        return records
    }
}
