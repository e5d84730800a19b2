import HTTPEngine
import Rollcall
import RollcallProbes

extension HubAPI {
    /// Operations on one instance.
    func instance(_ id: InstanceID, of service: ServiceName, _ request: HubRequest) async throws {
        switch request.method {
        case "PUT": try await self.register(id, of: service, request)
        case "PATCH":
            try request.checkQuery()
            let change = try await request.json { (reader) throws(ValidationError) in
                try InstanceChange.read(from: &reader)
            }
            if change.asksForCheck {
                let present = try self.store.instance(id, of: service, in: request.namespace)
                try self.checks.admit(present.applying(change))
            }
            request.respond(json: try self.store.amend(service, id: id, change, in: request.namespace).json)
        case "DELETE": try self.deregister(id, of: service, request)
        default:
            try request.checkQuery()
            request.respond(json: try self.store.instance(id, of: service, in: request.namespace).json)
        }
    }

    /// Registers, or replaces what the holder of the lease registered.
    private func register(_ id: InstanceID, of service: ServiceName, _ request: HubRequest) async throws {
        let ttl = try request.registrationTTL()
        let secret = try request.secret()
        let instance = try await request.json { (reader) throws(ValidationError) in
            try ServiceInstance.read(from: &reader, service: service, id: id, isStored: false)
        }
        try self.checks.admit(instance)
        let registration: HubStore.Registration
        if let secret {
            let token = LeaseToken(service: service, id: id, secret: secret)
            registration = try self.store.update(instance, token, in: request.namespace)
        } else {
            registration = try self.store.register(instance, in: request.namespace, ttl: ttl)
            self.metrics.registrations.add()
        }
        let json = try self.json(of: registration, request.namespace)
        request.respond(headers: self.header(revision: registration.revision), json: json)
    }

    private func json(of registration: HubStore.Registration, _ namespace: Namespace) throws -> [UInt8] {
        let required = try registration.instance.requires.map { service in
            (service, try self.store.instances(of: service, in: namespace).instances)
        }
        return RegistrationDocument(
            instance: registration.instance,
            secret: registration.token.secret,
            ttl: registration.ttl,
            revision: registration.revision,
            required: required
        ).json
    }

    private func deregister(_ id: InstanceID, of service: ServiceName, _ request: HubRequest) throws {
        try request.checkQuery()
        if let secret = try request.secret() {
            try self.store.revoke(LeaseToken(service: service, id: id, secret: secret), in: request.namespace)
        } else {
            try self.store.remove(service, id: id, in: request.namespace)
        }
        request.exchange.respond(204)
    }

    /// Renews a lease.
    func renew(_ id: InstanceID, of service: ServiceName, _ request: HubRequest) throws {
        try request.checkQuery()
        let token = LeaseToken(service: service, id: id, secret: try request.requiredSecret())
        let ttl = try self.store.renew(token, in: request.namespace)
        self.metrics.renewals.add()
        request.respond(json: Array("{\"ttl\":\"\(ttl.text)\"}".utf8))
    }

    /// Renews many leases.
    func renewAll(_ request: HubRequest) async throws {
        try request.checkQuery()
        let tokens = try await request.json(limit: 4 << 20) { (reader) throws(ValidationError) in
            try RenewalDocument.tokens(from: &reader)
        }
        let outcomes = try self.store.renewAll(tokens, in: request.namespace)
        self.metrics.renewals.add(outcomes.count { $0 == nil })
        request.respond(json: RenewalDocument.results(tokens, outcomes))
    }
}

extension InstanceChange {
    /// Whether it sets how the instance is checked.
    ///
    /// A check that was asked for before and is not allowed any more is no reason to refuse anything else, maintenance
    /// least of all.
    fileprivate var asksForCheck: Bool { self.metadata[ProbeConfiguration.Kind.metadataKey].flatMap(\.self) != nil }
}

extension HubRequest {
    /// The time-to-live that a registration asks for.
    func registrationTTL() throws(ValidationError) -> Duration {
        try self.checkQuery("ttl")
        let ttl = try self.duration("ttl", default: .seconds(10))
        guard ttl > .zero else { throw ValidationError(field: "ttl", message: "must be above zero; 10s is usual") }
        return ttl
    }
}

/// The answer to a registration.
struct RegistrationDocument {
    let instance: ServiceInstance
    let secret: String
    let ttl: Duration
    let revision: UInt64
    /// The instances of each service that the instance needs.
    let required: [(ServiceName, [ServiceInstance])]

    /// `{"instance":{…},"lease":{"secret":"…","ttl":"10s"},"revision":42,"required":{"log":[…]}}`.
    var json: [UInt8] {
        var writer = JSONWriter(capacity: 1024)
        writer.object { writer in
            writer.key("instance")
            writer.raw(self.instance.json)
            writer.key("lease")
            writer.object { writer in
                writer.key("secret")
                writer.string(self.secret)
                writer.key("ttl")
                writer.string(self.ttl.text)
            }
            writer.key("revision")
            writer.integer(self.revision)
            writer.key("required")
            writer.object { writer in
                for (service, instances) in self.required {
                    writer.key(service.text)
                    writer.array { writer in
                        for instance in instances { writer.raw(instance.json) }
                    }
                }
            }
        }
        return writer.bytes
    }
}

/// The documents of a batch renewal.
enum RenewalDocument {
    /// Reads `{"leases":[{"service":…,"id":…,"secret":…}]}`.
    static func tokens(from reader: inout JSONReader) throws(ValidationError) -> [LeaseToken] {
        var tokens: [LeaseToken]?
        try reader.object { (reader, name) throws(ValidationError) in
            guard name == "leases" else { return try reader.skip() }
            var list: [LeaseToken] = []
            try reader.array { (reader) throws(ValidationError) in list.append(try Self.token(from: &reader)) }
            tokens = list
        }
        guard let tokens else { throw ValidationError(field: "leases", message: "is missing") }
        return tokens
    }

    private static func token(from reader: inout JSONReader) throws(ValidationError) -> LeaseToken {
        var service: ServiceName?
        var id: InstanceID?
        var secret: String?
        try reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "service": service = try reader.name()
            case "id": id = try reader.name()
            case "secret":
                let text = try reader.string()
                try HubRequest.check(secret: text, field: "")
                secret = text
            default: try reader.skip()
            }
        }
        guard let service else { throw ValidationError(field: "service", message: "is missing") }
        guard let id else { throw ValidationError(field: "id", message: "is missing") }
        guard let secret else { throw ValidationError(field: "secret", message: "is missing") }
        return LeaseToken(service: service, id: id, secret: secret)
    }

    /// Writes `{"results":[{"service":…,"id":…,"status":200}]}`; what failed has a `code`, too.
    static func results(_ tokens: [LeaseToken], _ outcomes: [BackendError.Code?]) -> [UInt8] {
        var writer = JSONWriter(capacity: 32 + tokens.count * 64)
        writer.object { writer in
            writer.key("results")
            writer.array { writer in
                for (token, code) in zip(tokens, outcomes) {
                    writer.object { writer in
                        writer.key("service")
                        writer.string(token.service.text)
                        writer.key("id")
                        writer.string(token.id.text)
                        writer.key("status")
                        writer.integer(code.map(Problem.status(of:)) ?? 200)
                        guard let code else { return }
                        writer.key("code")
                        writer.string(code.description)
                    }
                }
            }
        }
        return writer.bytes
    }
}
