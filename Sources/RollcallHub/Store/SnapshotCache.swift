import Rollcall

/// A service's snapshot as JSON, shared by all who read it until the service changes.
public struct EncodedSnapshot: Hashable, Sendable {
    /// `{"service":…,"revision":…,"instances":[…]}`, instances in order of their ids.
    public let json: [UInt8]
    /// The hub's count of changes at the service's last one.
    public let revision: UInt64
}

/// Encodes each instance once for each change of it, and joins a snapshot at the first read after a change.
///
/// What was encoded is kept once: the next snapshot takes what is unchanged from the one before.
struct SnapshotCache: Sendable {
    /// An instance, and where its JSON lies in that of the snapshot.
    private struct Part: Sendable {
        let instance: ServiceInstance
        let start: UInt32
        let end: UInt32
    }

    private struct Entry: Sendable {
        var snapshot: EncodedSnapshot
        /// In order of their ids.
        var parts: [Part]
    }

    private var entries: [RegistryTable.Place: Entry] = [:]

    /// The snapshot of a service as the table has it.
    mutating func snapshot(of place: RegistryTable.Place, in table: RegistryTable) -> EncodedSnapshot {
        let revision = table.revision(at: place)
        let former = self.entries[place]
        if let former, former.snapshot.revision == revision { return former.snapshot }
        let instances = table.instances(at: place).sorted { $0.id < $1.id }
        var parts: [Part] = []
        parts.reserveCapacity(instances.count)
        var known = former?.parts[...] ?? []
        let capacity = max(former?.snapshot.json.count ?? 0, instances.count * 128) + 512
        let json = Self.join(place.service, revision, instances, capacity: capacity) { instance, writer in
            let start = writer.bytes.count
            // Both are in order, so that what is passed over here is gone.
            while let first = known.first, first.instance.id < instance.id { known.removeFirst() }
            if let former, let same = known.first, same.instance == instance {
                // A comma comes before all but the first.
                writer.raw(former.snapshot.json[Int(same.start)..<Int(same.end)])
            } else {
                writer.raw(instance.json)
            }
            let end = writer.bytes.count
            let comma = writer.bytes[start] == UInt8(ascii: ",") ? 1 : 0
            parts.append(Part(instance: instance, start: UInt32(start + comma), end: UInt32(end)))
        }
        let snapshot = EncodedSnapshot(json: json, revision: revision)
        // Services that are not there are not kept: their names come from whoever asks.
        self.entries[place] = instances.isEmpty ? nil : Entry(snapshot: snapshot, parts: parts)
        return snapshot
    }

    /// Forgets a service that is gone.
    mutating func forget(_ place: RegistryTable.Place) {
        self.entries[place] = nil
    }

    /// The JSON of a snapshot, of instances that stand in order of their ids.
    static func join(_ service: ServiceName, _ revision: UInt64, _ instances: [ServiceInstance]) -> [UInt8] {
        self.join(service, revision, instances, capacity: 128 + instances.count * 256) { $1.raw($0.json) }
    }

    private static func join(
        _ service: ServiceName,
        _ revision: UInt64,
        _ instances: [ServiceInstance],
        capacity: Int,
        write: (ServiceInstance, inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter(capacity: capacity)
        writer.object { writer in
            writer.key("service")
            writer.string(service.text)
            writer.key("revision")
            writer.integer(revision)
            writer.key("instances")
            writer.array { writer in
                for instance in instances { write(instance, &writer) }
            }
        }
        return writer.bytes
    }
}
