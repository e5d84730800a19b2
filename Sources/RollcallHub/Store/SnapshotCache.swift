import Rollcall

/// A service's snapshot as JSON, shared by all who read it until the service changes.
public struct EncodedSnapshot: Hashable, Sendable {
    /// `{"service":…,"revision":…,"instances":[…]}`, instances in order of their ids.
    public let json: [UInt8]
    /// The hub's count of changes at the service's last one.
    public let revision: UInt64
}

/// Encodes each instance once for each change of it, and joins a snapshot at the first read after a change.
struct SnapshotCache: Sendable {
    private struct Entry: Sendable {
        var snapshot: EncodedSnapshot
        var instances: [InstanceID: (instance: ServiceInstance, json: [UInt8])]
    }

    private var entries: [RegistryTable.Place: Entry] = [:]

    /// The snapshot of a service as the table has it.
    mutating func snapshot(of place: RegistryTable.Place, in table: RegistryTable) -> EncodedSnapshot {
        let revision = table.revision(at: place)
        let entry = self.entries[place]
        if let entry, entry.snapshot.revision == revision { return entry.snapshot }
        let instances = table.instances(at: place).sorted { $0.id < $1.id }
        let encoded = instances.map { instance in
            if let known = entry?.instances[instance.id], known.instance == instance { return known }
            return (instance: instance, json: instance.json)
        }
        let snapshot = EncodedSnapshot(
            json: Self.join(place.service, revision, encoded.map(\.json)),
            revision: revision
        )
        // Services that are not there are not kept: their names come from whoever asks.
        self.entries[place] =
            instances.isEmpty
            ? nil
            : Entry(
                snapshot: snapshot,
                instances: Dictionary(uniqueKeysWithValues: encoded.map { ($0.instance.id, $0) })
            )
        return snapshot
    }

    /// Forgets a service that is gone.
    mutating func forget(_ place: RegistryTable.Place) {
        self.entries[place] = nil
    }

    /// Joins the JSON of instances, which stand in order of their ids, to that of a snapshot.
    static func join(_ service: ServiceName, _ revision: UInt64, _ instances: [[UInt8]]) -> [UInt8] {
        var writer = JSONWriter(capacity: instances.reduce(128) { $0 + $1.count + 1 })
        writer.object { writer in
            writer.key("service")
            writer.string(service.text)
            writer.key("revision")
            writer.integer(revision)
            writer.key("instances")
            writer.array { writer in
                for json in instances { writer.raw(json) }
            }
        }
        return writer.bytes
    }
}
