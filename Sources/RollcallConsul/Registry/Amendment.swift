import Rollcall

/// A change that somebody else laid over a record: it stands in the key-value store, and ends with the record.
struct Amendment: Hashable {
    /// What it is bound to: the nonce of the record's lease.
    let binding: String
    /// The change.
    let change: InstanceChange

    /// Creates an amendment.
    init(binding: String, change: InstanceChange) {
        self.binding = binding
        self.change = change
    }

    /// The document that is stored.
    var json: [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("schema")
            writer.integer(1)
            writer.member("lease", self.binding)
            writer.key("change")
            self.change.write(to: &writer)
        }
        return writer.bytes
    }

    /// Reads what is stored.
    init(json: [UInt8]) throws(ValidationError) {
        var (binding, change) = (String?.none, InstanceChange?.none)
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "lease": binding = try reader.string()
            case "change": change = try InstanceChange.read(from: &reader)
            default: try reader.skip()
            }
        }
        try reader.end()
        guard let binding else { throw ValidationError(field: "lease", message: "is missing") }
        guard let change else { throw ValidationError(field: "change", message: "is missing") }
        self.init(binding: binding, change: change)
    }
}

/// Amendments as they were at an index of Consul's.
struct AmendmentReading: Hashable {
    var amendments = Amendments()
    var index: UInt64?
}

/// The amendments of a namespace, by the keys that they stand under.
struct Amendments: Hashable {
    private var byKey: [String: Amendment] = [:]

    /// Creates an empty set.
    init() {}

    /// Reads what the store answers; what cannot be understood is passed over.
    init(_ entries: [KeyValueEntry]) {
        for entry in entries {
            if let amendment = try? Amendment(json: entry.value) { self.byKey[entry.key] = amendment }
        }
    }

    /// The keys.
    var keys: [String] { self.byKey.keys.sorted() }

    /// What stands under a key.
    subscript(key: String) -> Amendment? { self.byKey[key] }
}
