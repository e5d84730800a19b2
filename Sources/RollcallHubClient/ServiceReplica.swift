import Rollcall

/// What a stream has told of one service: a value, without network or clock.
struct ServiceReplica {
    /// The service.
    let service: ServiceName
    /// The epoch of the hub that told it; `nil` before the first snapshot.
    private(set) var epoch: String?
    /// The hub's revision of what is here.
    private(set) var hubRevision: UInt64 = 0
    private var instances: [InstanceID: ServiceInstance] = [:]
    private var revision: UInt64 = 0

    /// Creates a replica that knows nothing.
    init(service: ServiceName) {
        self.service = service
    }

    /// Whether there is anything to show.
    var hasSnapshot: Bool { self.epoch != nil }

    /// What is here, as the next snapshot of the watch.
    mutating func snapshot(
        departed: [InstanceID: DepartureReason] = [:],
        freshness: ServiceSnapshot.Freshness = .live
    ) -> ServiceSnapshot {
        self.revision += 1
        return ServiceSnapshot(
            service: self.service,
            instances: Array(self.instances.values),
            revision: self.revision,
            departed: departed,
            freshness: freshness,
            source: HubBackend.name
        )
    }

    /// Takes an event of the stream.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - id: Its id: the epoch, a point and the revision.
    ///   - data: Its document.
    /// - Returns: The snapshot after it; `nil` for an event of another kind.
    /// - Throws: `protocolViolation` for a document that is something else, or a delta that does not fit.
    mutating func accept(_ name: String, id: String?, data: [UInt8]) throws(BackendError) -> ServiceSnapshot? {
        do throws(ValidationError) {
            switch name {
            case "snapshot":
                let document = try SnapshotDocument(json: data, service: self.service)
                return self.replace(with: document, epoch: Self.epoch(of: id))
            case "delta": return try self.apply(try DeltaDocument(json: data, service: self.service))
            default: return nil
            }
        } catch {
            throw BackendError(.protocolViolation, "an event of the hub cannot be read", cause: error)
        }
    }

    private mutating func replace(with document: SnapshotDocument, epoch: String) -> ServiceSnapshot {
        let former = self.instances
        self.instances = Dictionary(document.instances.map { ($0.id, $0) }) { _, last in last }
        self.epoch = epoch
        self.hubRevision = document.revision
        // What happened in between is not told.
        let departed = former.keys.filter { self.instances[$0] == nil }.map { ($0, DepartureReason.unknown) }
        return self.snapshot(departed: Dictionary(uniqueKeysWithValues: departed))
    }

    private mutating func apply(_ delta: DeltaDocument) throws(ValidationError) -> ServiceSnapshot {
        guard delta.from == self.hubRevision, self.hasSnapshot else {
            throw ValidationError(field: "from", message: "\(delta.from) is not \(self.hubRevision), which is here")
        }
        for instance in delta.upserts { self.instances[instance.id] = instance }
        for id in delta.removed.keys { self.instances[id] = nil }
        self.hubRevision = delta.to
        return self.snapshot(departed: delta.removed)
    }

    private static func epoch(of id: String?) -> String {
        String((id ?? "").prefix { $0 != "." })
    }
}

/// `{"service":…,"revision":…,"instances":[…]}`.
struct SnapshotDocument {
    let revision: UInt64
    let instances: [ServiceInstance]

    init(json: [UInt8], service: ServiceName) throws(ValidationError) {
        var (revision, instances) = (UInt64?.none, [ServiceInstance]?.none)
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "service": try reader.expect(service)
            case "revision": revision = try reader.revision()
            case "instances":
                var list: [ServiceInstance] = []
                try reader.array { (reader) throws(ValidationError) in
                    list.append(try ServiceInstance.read(from: &reader, service: service, id: nil))
                }
                instances = list
            default: try reader.skip()
            }
        }
        try reader.end()
        // Without them it is no snapshot: taking it for an empty one would take every instance out.
        guard let revision else { throw ValidationError(field: "revision", message: "is missing") }
        guard let instances else { throw ValidationError(field: "instances", message: "is missing") }
        self.revision = revision
        self.instances = instances
    }
}

/// `{"service":…,"from":…,"to":…,"upserts":[…],"removed":[{"id":…,"reason":…}]}`.
struct DeltaDocument {
    var from: UInt64 = 0
    var to: UInt64 = 0
    var upserts: [ServiceInstance] = []
    var removed: [InstanceID: DepartureReason] = [:]

    init(json: [UInt8], service: ServiceName) throws(ValidationError) {
        var delta = (
            from: UInt64(0), to: UInt64(0), upserts: [ServiceInstance](), removed: [InstanceID: DepartureReason]()
        )
        var reader = JSONReader(json)
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "service": try reader.expect(service)
            case "from": delta.from = try reader.revision()
            case "to": delta.to = try reader.revision()
            case "upserts":
                try reader.array { (reader) throws(ValidationError) in
                    delta.upserts.append(try ServiceInstance.read(from: &reader, service: service, id: nil))
                }
            case "removed":
                try reader.array { (reader) throws(ValidationError) in
                    let (id, reason) = try Self.departure(from: &reader)
                    delta.removed[id] = reason
                }
            default: try reader.skip()
            }
        }
        try reader.end()
        (self.from, self.to, self.upserts, self.removed) = delta
    }

    private static func departure(
        from reader: inout JSONReader
    ) throws(ValidationError) -> (InstanceID, DepartureReason) {
        var id: InstanceID?
        var reason = DepartureReason.unknown
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "id": id = try reader.name()
            case "reason": reason = DepartureReason(rawValue: try reader.string()) ?? .unknown
            default: try reader.skip()
            }
        }
        guard let id else { throw ValidationError(field: "id", message: "is missing") }
        return (id, reason)
    }
}

extension JSONReader {
    /// Reads the name of a service, which must be this one.
    fileprivate mutating func expect(_ service: ServiceName) throws(ValidationError) {
        let text = try self.string()
        guard text.utf8.elementsEqual(service.text.utf8) else {
            throw ValidationError(field: "", message: "\(text.quotedForDisplay) is not '\(service)'")
        }
    }

    /// Reads a revision: a whole number that is not negative.
    fileprivate mutating func revision() throws(ValidationError) -> UInt64 {
        let number = try self.integer()
        guard number >= 0 else { throw ValidationError(field: "", message: "\(number) is below 0") }
        return UInt64(number)
    }
}
