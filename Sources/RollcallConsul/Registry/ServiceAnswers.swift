import Rollcall
import Synchronization

/// What Consul answered last about services: a look-up decodes an answer only if it is another than the last, since
/// decoding takes longer than the call itself.
final class ServiceAnswers: Sendable {
    private struct Known {
        let body: [UInt8]
        let records: [InstanceID: InstanceRecord]
    }

    /// How many services are remembered at most.
    static let capacity = 64
    /// The longest answer that is remembered, in bytes: that of some hundred instances.
    static let maximumBytes = 1 << 20

    private let known = Mutex<[ServiceName: Known]>([:])

    /// How many services are remembered.
    var count: Int { self.known.withLock { $0.count } }

    /// What an answer says of a service.
    ///
    /// - Parameters:
    ///   - body: The answer.
    ///   - service: The service.
    ///   - read: Decodes the answer.
    /// - Returns: What `read` returned for the same answer.
    /// - Throws: What `read` throws.
    func records(
        in body: [UInt8],
        of service: ServiceName,
        _ read: () throws(BackendError) -> [InstanceID: InstanceRecord]
    ) throws(BackendError) -> [InstanceID: InstanceRecord] {
        if let known = self.known.withLock({ $0[service] }), known.body == body { return known.records }
        let records = try read()
        guard body.count <= Self.maximumBytes else { return records }
        self.known.withLock { known in
            // Whatever is still asked for is soon here again.
            if known.count == Self.capacity, known[service] == nil { known.removeAll() }
            known[service] = Known(body: body, records: records)
        }
        return records
    }
}
