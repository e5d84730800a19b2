import HTTPEngine
import Rollcall

extension FrontAPI {
    /// Operations on one instance.
    func instance(_ id: InstanceID, of service: ServiceName, _ request: HubRequest, _ space: FrontSpace) async throws {
        switch request.method {
        case "PUT": try await self.register(id, of: service, request, space)
        case "PATCH":
            try request.checkQuery()
            let change = try await request.json { (reader) throws(ValidationError) in
                try InstanceChange.read(from: &reader)
            }
            request.respond(json: try await space.engine.amend(service, id: id, change).json)
        case "DELETE":
            try request.checkQuery()
            if let secret = try request.secret() {
                try await space.leases.revoke(LeaseToken(service: service, id: id, secret: secret))
            } else {
                try await space.engine.remove(service, id: id)
            }
            request.exchange.respond(204)
        default:
            try request.checkQuery()
            guard let instance = try await space.engine.instances(of: service)[id] else {
                throw BackendError(.notFound, "no instance of '\(service)' has the id '\(id)'")
            }
            request.respond(json: instance.json)
        }
    }

    /// Registers, or replaces what the holder of the lease registered.
    private func register(
        _ id: InstanceID,
        of service: ServiceName,
        _ request: HubRequest,
        _ space: FrontSpace
    ) async throws {
        let ttl = try request.registrationTTL()
        let secret = try request.secret()
        let instance = try await request.json { (reader) throws(ValidationError) in
            try ServiceInstance.read(from: &reader, service: service, id: id, isStored: false)
        }
        let token: LeaseToken
        let lease: any InstanceLease
        if let secret {
            token = LeaseToken(service: service, id: id, secret: secret)
            lease = try await space.leases.lease(token)
            try await lease.update(instance)
        } else {
            (token, lease) = try await space.leases.register(instance, ttl: ttl)
            self.metrics.registrations.add()
        }
        do {
            let json = try await self.json(of: instance, token, lease, space)
            request.respond(headers: self.header(revision: json.revision), json: json.bytes)
        } catch {
            // Nobody would learn of it (C7).
            if secret == nil { try? await space.leases.revoke(token) }
            throw error
        }
    }

    private func json(
        of instance: ServiceInstance,
        _ token: LeaseToken,
        _ lease: any InstanceLease,
        _ space: FrontSpace
    ) async throws -> (bytes: [UInt8], revision: UInt64) {
        let (stored, revision) = try await space.registry.instances(of: instance.service)
        var required: [(ServiceName, [ServiceInstance])] = []
        for service in instance.requires {
            required.append((service, try await space.engine.instances(of: service).instances))
        }
        let document = RegistrationDocument(
            instance: stored.first { $0.id == lease.visibleID } ?? instance,
            secret: token.secret,
            ttl: lease.ttl,
            revision: revision,
            required: required
        )
        return (document.json, revision)
    }

    /// Renews a lease.
    func renew(_ id: InstanceID, of service: ServiceName, _ request: HubRequest, _ space: FrontSpace) async throws {
        try request.checkQuery()
        let token = LeaseToken(service: service, id: id, secret: try request.requiredSecret())
        let ttl = try await space.leases.renew(token)
        self.metrics.renewals.add()
        request.respond(json: Array("{\"ttl\":\"\(ttl.text)\"}".utf8))
    }

    /// How many leases of a batch are renewed at once.
    private static let renewalsAtOnce = 64

    /// Renews many leases.
    func renewAll(_ request: HubRequest, _ space: FrontSpace) async throws {
        try request.checkQuery()
        let tokens = try await request.json(limit: 4 << 20) { (reader) throws(ValidationError) in
            try RenewalDocument.tokens(from: &reader)
        }
        let leases = space.leases
        var outcomes = [BackendError.Code?](repeating: nil, count: tokens.count)
        await withTaskGroup(of: (Int, BackendError.Code?).self) { group in
            for (index, token) in tokens.enumerated() {
                if index >= Self.renewalsAtOnce, let (done, code) = await group.next() { outcomes[done] = code }
                group.addTask {
                    do throws(BackendError) {
                        _ = try await leases.renew(token)
                        return (index, nil)
                    } catch {
                        return (index, error.code)
                    }
                }
            }
            for await (done, code) in group { outcomes[done] = code }
        }
        self.metrics.renewals.add(outcomes.count { $0 == nil })
        request.respond(json: RenewalDocument.results(tokens, outcomes))
    }
}
