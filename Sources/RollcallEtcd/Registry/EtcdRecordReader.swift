import Rollcall
import Synchronization

/// Reads records of instances, and remembers what they said, so that a look-up decodes only what changed since the last:
/// decoding ten records takes a third of the time of a whole call.
final class EtcdRecordReader: Sendable {
    /// What a record says.
    struct Content: Sendable {
        let service: ServiceName
        let id: InstanceID
        /// The instance as others see it, or why the record cannot be read.
        let instance: Result<ServiceInstance, ValidationError>
    }

    private struct Known {
        let value: [UInt8]
        let content: Content
    }

    /// How many records are remembered at most: some megabytes of the usual kind.
    static let capacity = 4096

    private let layout: any EtcdLayout
    private let known = Mutex<[[UInt8]: Known]>([:])

    init(layout: any EtcdLayout) {
        self.layout = layout
    }

    /// How many records are remembered.
    var count: Int { self.known.withLock { $0.count } }

    /// What records say, in their order; those that are of no instance are left out.
    func contents(of records: [EtcdRecord]) -> [Content] {
        // A revision would be quicker to compare, but a store that was made anew gives it to something else.
        let remembered = self.known.withLock { known in
            records.map { record in known[record.key].flatMap { $0.value == record.value ? $0.content : nil } }
        }
        var read: [(record: EtcdRecord, content: Content)] = []
        let contents = zip(records, remembered).compactMap { record, content -> Content? in
            if let content { return content }
            guard let content = self.content(of: record) else { return nil }
            read.append((record, content))
            return content
        }
        if !read.isEmpty { self.remember(read) }
        return contents
    }

    /// What a record's key names.
    func names(of record: EtcdRecord) -> (service: ServiceName, id: InstanceID)? {
        self.layout.names(in: String(decoding: record.key, as: UTF8.self))
    }

    private func content(of record: EtcdRecord) -> Content? {
        guard let names = self.names(of: record) else { return nil }
        let instance = Result { () throws(ValidationError) in
            try self.layout.decode(record.value, service: names.service, id: names.id).visible
        }
        return Content(service: names.service, id: names.id, instance: instance)
    }

    private func remember(_ read: [(record: EtcdRecord, content: Content)]) {
        self.known.withLock { known in
            for (record, content) in read.prefix(Self.capacity) {
                // Whatever is still asked for is soon here again.
                if known.count == Self.capacity, known[record.key] == nil { known.removeAll() }
                known[record.key] = Known(value: record.value, content: content)
            }
        }
    }
}
