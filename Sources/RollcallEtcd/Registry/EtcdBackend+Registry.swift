public import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension EtcdBackend {
    /// See ``RegistryBackend/register(_:ttl:)``.
    ///
    /// When the task is cancelled meanwhile, the answer is waited for all the same, and what it grants is given back.
    public func register(
        _ instance: ServiceInstance,
        ttl: Duration
    ) async throws(BackendError) -> any InstanceLease {
        guard !Task.isCancelled else { throw self.cancelled("register", applied: .no) }
        let wished = min(max(ttl, self.capabilities.ttl.lowerBound), self.capabilities.ttl.upperBound)
        let lease: EtcdLease
        do throws(BackendError) {
            lease = try await self.uncancelled { () async throws(BackendError) in
                try await self.put(instance, ttl: wished)
            }
        } catch {
            throw Task.isCancelled ? self.cancelled("register", applied: error.applied) : error
        }
        guard !Task.isCancelled else {
            let isGone: Void? = try? await self.uncancelled { () async throws(BackendError) in
                try await lease.revoke()
            }
            throw self.cancelled("register", applied: isGone == nil ? .unknown : .no)
        }
        return lease
    }

    private func put(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> EtcdLease {
        let name = "\(instance.service)/\(instance.id)"
        let (lease, granted) = try await self.client.grantLease(ttl, "register", key: name)
        let key = self.layout.key(of: instance)
        let value = self.layout.encode(StoredInstance(instance.registered(at: Date())))
        do throws(BackendError) {
            try await self.client.put(EtcdPut(key: Array(key.utf8), value: value, lease: lease), "register", key: name)
        } catch {
            var failure = error
            // The record, if there is one, goes with its lease.
            let isGone: Void? = try? await self.client.revokeLease(lease, "register", key: name)
            if isGone != nil { failure.applied = .no }
            throw failure
        }
        let token = LeaseToken(
            service: instance.service,
            id: instance.id,
            secret: self.secret(lease, key: key, instance.service, instance.id)
        )
        return EtcdLease(backend: self, token: token, lease: lease, key: key, ttl: granted)
    }

    /// See ``RegistryBackend/lease(resuming:)``.
    public func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        let lost = self.fault(.leaseLost, "the lease is over", "resume", "\(token.service)/\(token.id)")
        guard let (lease, key) = self.place(of: token) else { throw lost }
        guard let time = try await self.client.timeToLive(of: lease, "resume", key: token.id.text) else { throw lost }
        try await self.checkHolder(lease, of: key, "resume", token)
        return EtcdLease(backend: self, token: token, lease: lease, key: key, ttl: time.granted)
    }

    /// What stands between a lease and the end of its record's key, where the id does not tell that.
    private static let placeMark: Character = "@"

    private func secret(_ lease: Int64, key: String, _ service: ServiceName, _ id: InstanceID) -> String {
        let number = String(UInt64(bitPattern: lease), radix: 16)
        guard self.layout.key(of: id, in: service) != key else { return number }
        return "\(number)\(Self.placeMark)\(key.dropFirst(self.layout.prefix(of: service).count))"
    }

    /// The lease that a token stands for, and the key of its record; `nil` for a token of something else.
    private func place(of token: LeaseToken) -> (lease: Int64, key: String)? {
        let parts = token.secret.split(separator: Self.placeMark, maxSplits: 1, omittingEmptySubsequences: false)
        guard let number = UInt64(parts[0], radix: 16) else { return nil }
        let key =
            parts.count == 2
            ? self.layout.prefix(of: token.service) + parts[1] : self.layout.key(of: token.id, in: token.service)
        return key.map { (Int64(bitPattern: number), $0) }
    }

    /// Checks that a record stands on a lease.
    ///
    /// - Throws: `displaced` when it stands on another, `leaseLost` when there is none.
    func checkHolder(
        _ lease: Int64,
        of key: String,
        _ operation: String,
        _ token: LeaseToken
    ) async throws(BackendError) {
        let bytes = Array(key.utf8)
        // A read of keys alone does not tell their leases in etcd 3.7; the usual answer here is shorter still.
        let look = EtcdTransaction(
            conditions: [EtcdCondition(key: bytes, target: .lease(lease))],
            success: [],
            failure: [.read(EtcdRead(range: EtcdRange(key: bytes)))]
        )
        let outcome = try await self.client.transact(look, operation, key: token.id.text)
        guard !outcome.succeeded else { return }
        try self.check(outcome.reads.first?.records.first, standsOn: lease, operation, token)
    }

    private func check(
        _ record: EtcdRecord?,
        standsOn lease: Int64,
        _ operation: String,
        _ token: LeaseToken
    ) throws(BackendError) {
        let name = "\(token.service)/\(token.id)"
        guard let record else { throw self.fault(.leaseLost, "the record is not there any more", operation, name) }
        guard record.lease == lease else {
            throw self.fault(.displaced, "another process registered the id", operation, name)
        }
    }

    /// Replaces what a holder wrote; what others laid over it stays.
    func update(
        _ instance: ServiceInstance,
        key: String,
        lease: Int64,
        _ token: LeaseToken
    ) async throws(BackendError) {
        try await self.change(key, "update", token.service, token.id) { record, stored throws(BackendError) in
            try self.check(record, standsOn: lease, "update", token)
            do throws(ValidationError) {
                guard let stored else { return StoredInstance(instance.registered(at: Date())) }
                return try stored.updated(to: stored.own.registeredAt.map { instance.registered(at: $0) } ?? instance)
            } catch {
                throw BackendError(error)
            }
        }
    }

    /// See ``RegistryBackend/amend(_:id:_:)``.
    public func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        guard let key = self.layout.key(of: id, in: service) else {
            throw self.fault(.unsupported, "the layout does not tell a record by its id", "amend", "\(service)/\(id)")
        }
        let keeps = self.layout.keepsAmendments
        return try await self.change(key, "amend", service, id) { _, stored throws(BackendError) in
            guard var record = stored else {
                throw self.fault(.notFound, "no instance has this id", "amend", "\(service)/\(id)")
            }
            do throws(ValidationError) {
                try record.amend(change)
            } catch {
                throw BackendError(error)
            }
            return keeps ? record : StoredInstance(record.visible)
        }.visible
    }

    /// Rewrites a record as long as somebody else does at the same time, on the lease that it stands on.
    @discardableResult
    private func change(
        _ key: String,
        _ operation: String,
        _ service: ServiceName,
        _ id: InstanceID,
        _ change: (EtcdRecord?, StoredInstance?) throws(BackendError) -> StoredInstance
    ) async throws(BackendError) -> StoredInstance {
        let bytes = Array(key.utf8)
        let name = "\(service)/\(id)"
        for _ in 0..<Self.maximumAttempts {
            let read = EtcdRead(range: EtcdRange(key: bytes))
            let record = try await self.client.read(read, operation, key: name).records.first
            // What cannot be read is replaced by its holder, and cannot be changed by others.
            let stored = record.flatMap { try? self.layout.decode($0.value, service: service, id: id) }
            let changed = try change(record, stored)
            let put = EtcdPut(key: bytes, value: self.layout.encode(changed), lease: record?.lease ?? 0)
            let condition = EtcdCondition(key: bytes, target: .modRevision(record?.modRevision ?? 0))
            let transaction = EtcdTransaction(conditions: [condition], success: [.put(put)])
            if try await self.client.transact(transaction, operation, key: name).succeeded { return changed }
        }
        throw self.fault(
            .conflict,
            "others changed the record \(Self.maximumAttempts) times meanwhile",
            operation,
            name
        )
    }

    /// How often a change is tried that others come before.
    static let maximumAttempts = 64

    /// See ``RegistryBackend/remove(_:id:)``.
    public func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        guard let key = self.layout.key(of: id, in: service) else {
            throw self.fault(.unsupported, "the layout does not tell a record by its id", "remove", "\(service)/\(id)")
        }
        _ = try await self.client.delete(EtcdRange(key: Array(key.utf8)), "remove", key: "\(service)/\(id)")
    }

    /// Makes a call that cancellation does not cut short: its own limit of time does, which comes first.
    func uncancelled<Value: Sendable>(
        _ call: @escaping @Sendable () async throws(BackendError) -> Value
    ) async throws(BackendError) -> Value {
        // A registration is a lease, a record, and where that fails the lease's end.
        try await withoutCancellation(deadline: self.configuration.timeout * 3 + .seconds(1), clock: self.clock, call)
    }

    func cancelled(_ operation: String, applied: BackendError.Applied) -> BackendError {
        BackendError(.cancelled, "the task was cancelled", backend: Self.name, operation: operation, applied: applied)
    }

    func fault(_ code: BackendError.Code, _ message: String, _ operation: String, _ key: String?) -> BackendError {
        BackendError(code, message, backend: Self.name, operation: operation, key: key)
    }
}
