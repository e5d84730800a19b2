/// A record of an instance in a store that knows bytes alone: what its holder wrote, what somebody else laid over it, and
/// what a newer version of Rollcall wrote and this one does not know.
///
///     {"schema":1,"service":"web","id":"web-1","endpoints":["http://10.0.0.7:80"],…,"amendment":{"weight":0}}
package struct StoredInstance: Sendable {
    private static let amendmentMember = "amendment"
    /// What ``ServiceInstance`` reads and writes.
    private static let known: Set = [
        "schema", "service", "id", "endpoints", "version", "zone", "weight", "tags", "metadata", "status", "requires",
        "registeredAt", Self.amendmentMember,
    ]

    /// What its holder wrote.
    package let own: ServiceInstance
    /// What somebody else laid over it.
    package private(set) var amendment: InstanceChange
    /// The record as it is seen.
    package private(set) var visible: ServiceInstance
    /// Members that are not known here, as they stand in the store.
    private let unknown: [(name: String, json: [UInt8])]

    /// Creates a record that nobody laid anything over.
    package init(_ own: ServiceInstance) {
        self.own = own
        self.visible = own
        self.amendment = InstanceChange()
        self.unknown = []
    }

    /// Reads a record.
    ///
    /// - Parameters:
    ///   - json: What is stored.
    ///   - service: The service that it must belong to.
    ///   - id: The id that it must have.
    /// - Throws: A ``ValidationError`` that names the field.
    package init(json: [UInt8], service: ServiceName, id: InstanceID) throws(ValidationError) {
        let own = try ServiceInstance(json: json, service: service, id: id)
        var amendment = InstanceChange()
        var unknown: [(name: String, json: [UInt8])] = []
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            if name == Self.amendmentMember {
                amendment = try InstanceChange.read(from: &reader)
            } else if Self.known.contains(name) {
                try reader.skip()
            } else {
                unknown.append((name, try reader.raw()))
            }
        }
        self.own = own
        self.amendment = amendment
        self.visible = try own.applying(amendment)
        self.unknown = unknown
    }

    /// Lays a change over the record and what lies over it already.
    ///
    /// - Throws: A ``ValidationError`` when the result breaks a limit of the model.
    package mutating func amend(_ change: InstanceChange) throws(ValidationError) {
        try change.check()
        let amendment = self.amendment.merging(change)
        try amendment.check()
        self.visible = try self.own.applying(amendment)
        self.amendment = amendment
    }

    /// The record that its holder writes now: what others laid over it stays.
    ///
    /// - Throws: A ``ValidationError`` when both together break a limit of the model.
    package func updated(to own: ServiceInstance) throws(ValidationError) -> StoredInstance {
        var updated = StoredInstance(own)
        try updated.amend(self.amendment)
        return updated
    }

    /// What is stored.
    package var json: [UInt8] {
        var writer = JSONWriter(capacity: 512)
        writer.object { writer in
            self.own.writeMembers(to: &writer)
            if !self.amendment.isEmpty {
                writer.key(Self.amendmentMember)
                self.amendment.write(to: &writer)
            }
            for member in self.unknown {
                writer.key(member.name)
                writer.raw(member.json)
            }
        }
        return writer.bytes
    }
}
