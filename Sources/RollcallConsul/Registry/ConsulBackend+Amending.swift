import HTTPEngine
public import Rollcall

extension ConsulBackend {
    /// What the keys of this namespace's amendments begin with.
    var amendmentPrefix: String { self.keyRoot + "amendments/" }

    /// The key of an amendment.
    func amendmentKey(_ service: ServiceName, _ id: InstanceID) -> String {
        self.amendmentPrefix + ConsulKey.segment(service.text) + "/" + ConsulKey.segment(id.text)
    }

    /// The call that reads amendments.
    func amendmentCall(under prefix: String, _ operation: String) -> ConsulCall {
        ConsulCall(
            path: Self.path(ofKey: prefix),
            operation: operation,
            query: [("recurse", "")] + self.freshness,
            accepted: [404]
        )
    }

    /// Reads amendments.
    ///
    /// - Parameter prefix: What their keys begin with.
    /// - Returns: The amendments; none for a token that may not read keys, so that who only discovers needs no such right.
    /// - Throws: A ``BackendError``.
    func amendments(under prefix: String) async throws(BackendError) -> AmendmentReading {
        do throws(BackendError) {
            let answer = try await self.calls.send(self.amendmentCall(under: prefix, "amendments"))
            let amendments = Amendments(try Self.keyValues(answer, "amendments", nil))
            return AmendmentReading(amendments: amendments, index: answer.consulIndex)
        } catch  where error.code == .permissionDenied {
            return AmendmentReading()
        }
    }

    /// See ``RegistryBackend/amend(_:id:_:)``.
    ///
    /// What is laid over a record stands in the key-value store, where it is bound to the lease: it needs the right to
    /// write keys, works whichever agent has the record, and is seen by Rollcall alone.
    public func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        let name = "\(service)/\(id)"
        var generator = SplitMix64()
        for attempt in 0..<16 {
            let answer = try await self.calls.send(self.healthCall(service, "amend"))
            let records = try self.records(answer, of: service, "amend")
            guard let record = records[id] else {
                throw self.lost(.notFound, "nobody registered it", "amend", name)
            }
            if let amendment = try await self.lay(change, over: record, name) {
                try? await self.sweepAmendments(of: service, living: records, asOf: answer.consulIndex)
                return record.shown(with: amendment)
            }
            // Somebody else amended it meanwhile, or this was sent twice and is there already.
            let pause = Backoff(base: .milliseconds(10), factor: 2, cap: .milliseconds(200))
            try await self.clock.pause(for: pause.pause(before: attempt, using: &generator))
        }
        throw self.lost(.conflict, "others amend it all the time", "amend", name)
    }

    /// Lays a change over a record and over what lies there already.
    ///
    /// - Returns: What lies over it now; `nil` when somebody else changed that meanwhile.
    private func lay(
        _ change: InstanceChange,
        over record: InstanceRecord,
        _ name: String
    ) async throws(BackendError) -> Amendment? {
        let key = self.amendmentKey(record.instance.service, record.instance.id)
        let stored = try await self.keyValue(key, "amend", name, freshness: [])
        let former = stored.flatMap { try? Amendment(json: $0.value) }
        let below = former?.binding == record.binding ? former?.change : nil
        let amendment = Amendment(binding: record.binding, change: below.map { $0.merging(change) } ?? change)
        do throws(ValidationError) {
            _ = try record.instance.applying(amendment.change)
        } catch {
            var fault = BackendError(error)
            (fault.backend, fault.operation, fault.key) = (self.name, "amend", name)
            throw fault
        }
        let write = KeyValueOperation(.compareAndSet, key, value: amendment.json, index: stored?.modifyIndex ?? 0)
        guard case .done = try await self.transact([write], "amend", name) else { return nil }
        return amendment
    }

    /// Deletes what was laid over records of a service that are gone, so that it does not gather.
    private func sweepAmendments(
        of service: ServiceName,
        living records: [InstanceID: InstanceRecord],
        asOf index: UInt64?
    ) async throws(BackendError) {
        guard let index else { return }
        let prefix = self.amendmentPrefix + ConsulKey.segment(service.text) + "/"
        for key in try await self.amendments(under: prefix).amendments.keys {
            guard let text = ConsulKey.text(key.dropFirst(prefix.count), keepsSlashes: false),
                let id = try? InstanceID(text), records[id] == nil
            else { continue }
            // A later one may be of an instance that was registered since.
            try await self.deleteAmendment(service, id, madeUntil: index)
        }
    }

    /// Deletes what is laid over a record that is gone.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - id: The id of the record.
    ///   - index: Up to which index of Consul's log what lies there may have been made.
    /// - Throws: A ``BackendError``.
    func deleteAmendment(
        _ service: ServiceName,
        _ id: InstanceID,
        madeUntil index: UInt64 = .max
    ) async throws(BackendError) {
        let key = self.amendmentKey(service, id)
        let name = "\(service)/\(id)"
        guard let stored = try await self.keyValue(key, "remove", name, freshness: []), stored.modifyIndex <= index
        else { return }
        _ = try await self.deleteKey(key, index: stored.modifyIndex, "remove", name)
    }
}
