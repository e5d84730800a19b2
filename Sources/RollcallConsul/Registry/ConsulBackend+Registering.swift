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
            try await self.enrolments.take(within: self.configuration.timeout, clock: self.clock)
        } catch {
            throw Task.isCancelled ? self.cancelled("register") : self.placed(error, "register", instance)
        }
        defer { self.enrolments.give() }
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
        let rawID = self.layout.rawID(of: instance)
        let began = self.clock.now
        var registered = instance.registered(at: Date())
        do throws(BackendError) {
            try await self.put(registered, rawID, nonce: nonce, ttl: ttl, "register")
        } catch {
            if error.applied == .unknown { self.strays.note(nonce) }
            throw error
        }
        do throws(BackendError) {
            try await self.passIfOld(nonce, rawID, "register", instance)
            if let rival = try await self.awaitRegistration(registered, nonce: nonce) {
                // The clock of whoever registered it on another agent is ahead of ours; and the last wins.
                registered = instance.registered(at: rival.addingTimeInterval(0.001))
                try await self.send(registered, rawID, nonce: nonce, ttl: ttl, "register")
                _ = try await self.awaitRegistration(registered, nonce: nonce)
            }
        } catch {
            throw await self.withdraw(instance, nonce: nonce, because: error)
        }
        let token = LeaseToken(service: instance.service, id: instance.id, secret: nonce)
        return ConsulLease(
            backend: self,
            token: token,
            rawID: rawID,
            ttl: ttl,
            registered: registered,
            renewedAt: began
        )
    }

    /// Sends a registration to the agent, and renews its lease where that may be an old one.
    func send(
        _ instance: ServiceInstance,
        _ rawID: String,
        nonce: String,
        ttl: Duration,
        _ operation: String
    ) async throws(BackendError) {
        try await self.put(instance, rawID, nonce: nonce, ttl: ttl, operation)
        try await self.passIfOld(nonce, rawID, operation, instance)
    }

    private func put(
        _ instance: ServiceInstance,
        _ rawID: String,
        nonce: String,
        ttl: Duration,
        _ operation: String
    ) async throws(BackendError) {
        let registration = Registration(
            id: rawID,
            name: self.catalogName(instance.service),
            instance: instance,
            nonce: nonce,
            ttl: ttl,
            layout: self.layout,
            agentCheck: try self.agentCheck(of: instance, operation)
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

    /// Renews the lease of a registration in a layout in which all holders' checks have one name.
    private func passIfOld(
        _ nonce: String,
        _ rawID: String,
        _ operation: String,
        _ instance: ServiceInstance
    ) async throws(BackendError) {
        guard !self.layout.namesLeases else { return }
        // An agent keeps the status of a check that it knows, which may be that of a holder who died.
        try await self.pass(nonce, rawID, operation, key: "\(instance.service)/\(instance.id)")
    }

    /// Where the agent is to check an instance.
    private func agentCheck(
        of instance: ServiceInstance,
        _ operation: String
    ) throws(BackendError) -> AgentCheckTarget? {
        do throws(ValidationError) {
            return try self.layout.agentCheck(self.configuration.agentCheck)?.target(in: instance)
        } catch {
            var fault = BackendError(error)
            (fault.backend, fault.operation, fault.key) = (self.name, operation, "\(instance.service)/\(instance.id)")
            throw fault
        }
    }

    /// Why a lease is over whose record is another's by now.
    ///
    /// - Parameters:
    ///   - meta: What stands in `Meta` of the record; `nil` when there is none.
    ///   - operation: What errors name.
    ///   - key: What errors name.
    /// - Returns: `leaseLost` or `displaced`.
    func loss(by meta: [String: String]?, _ operation: String, _ key: String) -> BackendError {
        guard let meta else {
            return self.lost(.leaseLost, "the agent does not know the lease any more", operation, key)
        }
        let isStray = meta[InstanceCodec.leaseKey].map { self.strays.contains($0) } ?? false
        return isStray
            ? self.lost(.leaseLost, "an earlier attempt to register arrived late, and took its place", operation, key)
            : self.lost(.displaced, "another process registered the same id", operation, key)
    }

    /// Renews a lease's check.
    ///
    /// - Throws: `notFound` when the agent has none.
    func pass(_ nonce: String, _ rawID: String, _ operation: String, key: String) async throws(BackendError) {
        let check = self.layout.leaseCheck(nonce, rawID: rawID)
        _ = try await self.calls.send(
            ConsulCall(
                method: "PUT",
                path: "/v1/agent/check/pass/\(PercentEncoding.encode(check))",
                operation: operation,
                key: key,
                query: self.layout.namesLeases ? [] : [("note", "keepalive")],
                place: .agent,
                isRenewal: operation == "renew"
            )
        )
    }

    /// Waits until the catalog shows a registration.
    ///
    /// - Returns: When the same id was registered on another agent, if that hides this one.
    private func awaitRegistration(_ instance: ServiceInstance, nonce: String) async throws(BackendError) -> Date? {
        var rival: Date?
        var isExpired = false
        let rawID = self.layout.rawID(of: instance)
        repeat {
            // A short time-to-live may be over before the catalog shows the record.
            if isExpired {
                try await self.pass(nonce, rawID, "register", key: "\(instance.service)/\(instance.id)")
                // The agent tells the catalog in its own time.
                try await self.clock.pause(for: .milliseconds(50))
            }
            try await self.awaitCatalog(instance.service, rawID, "register") { records in
                let found = records.compactMap {
                    InstanceRecord($0, service: instance.service, layout: self.layout)
                }
                guard let mine = found.first(where: { $0.nonce == nonce }),
                    mine.instance.registeredAt == instance.registeredAt
                else { return false }
                self.others.learn(node: mine.node)
                isExpired = mine.isExpired
                rival = found.filter { $0.nonce != nonce && !$0.isExpired && $0.stamp >= mine.stamp }
                    .compactMap(\.instance.registeredAt).max()
                return true
            }
        } while isExpired
        return rival
    }

    private func placed(_ error: BackendError, _ operation: String, _ instance: ServiceInstance) -> BackendError {
        var error = error
        (error.backend, error.operation, error.key) = (self.name, operation, "\(instance.service)/\(instance.id)")
        return error
    }

    /// Takes back a registration of which nobody can tell whether others see it.
    private func withdraw(_ instance: ServiceInstance, nonce: String, because error: BackendError) async -> BackendError
    {
        var error = error
        let rawID = self.layout.rawID(of: instance)
        let key = "\(instance.service)/\(instance.id)"
        error.applied = .unknown
        if let isMine = try? await self.agentRecord(rawID, "register", key: key)?[InstanceCodec.leaseKey] == nonce {
            let isGone: Void? = isMine ? try? await self.deregister(rawID, "register", key: key) : ()
            if isGone != nil { error.applied = .no }
        }
        if error.applied == .unknown { self.strays.note(nonce) }
        return error
    }

    /// What stands in `Meta` of a record on the agent; `nil` when the agent has none.
    func agentRecord(_ rawID: String, _ operation: String, key: String) async throws(BackendError) -> [String: String]?
    {
        let call = ConsulCall(
            path: "/v1/agent/service/\(PercentEncoding.encode(rawID))",
            operation: operation,
            key: key,
            place: .agent,
            isRenewal: operation == "renew"
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

    func lost(_ code: BackendError.Code, _ message: String, _ operation: String, _ key: String) -> BackendError {
        BackendError(code, message, backend: self.name, operation: operation, key: key)
    }
}
