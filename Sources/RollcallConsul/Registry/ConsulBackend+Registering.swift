import HTTPEngine
public import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ConsulBackend {
    /// See ``RegistryBackend/register(_:ttl:)``.
    ///
    /// When the task is cancelled meanwhile, the answer is waited for all the same, and what it grants is given back.
    public func register(
        _ instance: ServiceInstance,
        ttl: Duration
    ) async throws(BackendError) -> any InstanceLease {
        guard !Task.isCancelled else { throw self.cancelled("register") }
        let granted = min(max(ttl, self.capabilities.ttl.lowerBound), self.capabilities.ttl.upperBound)
        let lease: ConsulLease
        do throws(BackendError) {
            lease = try await self.uncancelled { () async throws(BackendError) in
                try await self.enroll(instance, ttl: granted)
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

    private func enroll(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> ConsulLease {
        let nonce = RandomText.hexadecimal(words: 2)
        let began = self.clock.now
        var registered = instance.registered(at: Date())
        try await self.send(registered, nonce: nonce, ttl: ttl, "register")
        do throws(BackendError) {
            if let rival = try await self.awaitRegistration(registered, nonce: nonce) {
                // The clock of whoever registered it on another agent is ahead of ours; and the last wins.
                registered = instance.registered(at: rival.addingTimeInterval(0.001))
                try await self.send(registered, nonce: nonce, ttl: ttl, "register")
                _ = try await self.awaitRegistration(registered, nonce: nonce)
            }
        } catch {
            throw await self.withdraw(instance, nonce: nonce, because: error)
        }
        let token = LeaseToken(service: instance.service, id: instance.id, secret: nonce)
        return ConsulLease(backend: self, token: token, ttl: ttl, registered: registered, renewedAt: began)
    }

    /// Sends a registration to the agent.
    func send(
        _ instance: ServiceInstance,
        nonce: String,
        ttl: Duration,
        _ operation: String
    ) async throws(BackendError) {
        let registration = Registration(
            id: self.rawID(instance.service, instance.id),
            name: self.catalogName(instance.service),
            instance: instance,
            nonce: nonce,
            ttl: ttl,
            deregisterAfter: self.configuration.deregisterAfter
        )
        _ = try await self.calls.send(
            ConsulCall(
                method: "PUT",
                path: "/v1/agent/service/register",
                operation: operation,
                key: "\(instance.service)/\(instance.id)",
                query: [("replace-existing-checks", "true")],
                body: registration.json,
                place: .agent
            )
        )
    }

    /// Waits until the catalog shows a registration.
    ///
    /// - Returns: When the same id was registered on another agent, if that hides this one.
    private func awaitRegistration(_ instance: ServiceInstance, nonce: String) async throws(BackendError) -> Date? {
        var rival: Date?
        let rawID = self.rawID(instance.service, instance.id)
        try await self.awaitCatalog(instance.service, rawID, "register") { records in
            let found = records.compactMap { InstanceRecord($0, service: instance.service) }
            guard let mine = found.first(where: { $0.nonce == nonce }),
                mine.instance.registeredAt == instance.registeredAt
            else { return false }
            rival = found.filter { $0.nonce != nonce && !$0.isExpired && $0.stamp >= mine.stamp }
                .compactMap(\.instance.registeredAt).max()
            return true
        }
        return rival
    }

    /// Takes back a registration of which nobody can tell whether others see it.
    private func withdraw(_ instance: ServiceInstance, nonce: String, because error: BackendError) async -> BackendError
    {
        var error = error
        let rawID = self.rawID(instance.service, instance.id)
        let key = "\(instance.service)/\(instance.id)"
        error.applied = .unknown
        if let isMine = try? await self.agentRecord(rawID, "register", key: key)?[InstanceCodec.leaseKey] == nonce {
            let isGone: Void? = isMine ? try? await self.deregister(rawID, "register", key: key) : ()
            if isGone != nil { error.applied = .no }
        }
        return error
    }

    /// What stands in `Meta` of a record on the agent; `nil` when the agent has none.
    func agentRecord(_ rawID: String, _ operation: String, key: String) async throws(BackendError) -> [String: String]?
    {
        let call = ConsulCall(
            path: "/v1/agent/service/\(PercentEncoding.encode(rawID))",
            operation: operation,
            key: key,
            place: .agent
        )
        do throws(BackendError) {
            let answer = try await self.calls.send(call)
            return try ConsulCalls.reading(operation, key) { () throws(ValidationError) in
                var meta: [String: String] = [:]
                var reader = JSONReader(answer.body)
                try reader.object { (reader, name) throws(ValidationError) in
                    if name == "Meta" { meta = try reader.stringMap() } else { try reader.skip() }
                }
                try reader.end()
                return meta
            }
        } catch  where error.code == .notFound {
            return nil
        }
    }

    /// See ``RegistryBackend/lease(resuming:)``.
    ///
    /// The token is no secret here: who may change the service by Consul's rules may change all of its registrations.
    public func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        let key = "\(token.service)/\(token.id)"
        let rawID = self.rawID(token.service, token.id)
        guard let meta = try await self.agentRecord(rawID, "resume", key: key) else {
            throw self.lost(.leaseLost, "the agent has no such registration", "resume", key)
        }
        guard meta[InstanceCodec.leaseKey] == token.secret else {
            throw self.lost(.displaced, "another process registered the same id", "resume", key)
        }
        let instance = try ConsulCalls.reading("resume", key) { () throws(ValidationError) in
            guard let json = InstanceCodec.json(in: meta) else {
                throw ValidationError(field: "Meta.\(InstanceCodec.pieceKey)0", message: "is missing")
            }
            return try ServiceInstance(json: json, service: token.service, id: token.id)
        }
        let ttl = try ConsulCalls.reading("resume", key) { () throws(ValidationError) in
            let field = "Meta.\(InstanceCodec.ttlKey)"
            let ttl = try Duration(text: meta[InstanceCodec.ttlKey] ?? "", field: field)
            guard self.capabilities.ttl.contains(ttl) else {
                throw ValidationError(field: field, message: "\(ttl.text) is no time-to-live of a lease")
            }
            return ttl
        }
        let lease = ConsulLease(backend: self, token: token, ttl: ttl, registered: instance, renewedAt: nil)
        try await lease.verify()
        return lease
    }

    func lost(_ code: BackendError.Code, _ message: String, _ operation: String, _ key: String) -> BackendError {
        BackendError(code, message, backend: self.name, operation: operation, key: key)
    }
}
