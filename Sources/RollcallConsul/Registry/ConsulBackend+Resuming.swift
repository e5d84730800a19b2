import HTTPEngine
public import Rollcall

extension ConsulBackend {
    /// See ``RegistryBackend/lease(resuming:)``.
    ///
    /// The token is no secret here: who may change the service by Consul's rules may change all of its registrations.
    public func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        let key = "\(token.service)/\(token.id)"
        guard let rawID = try await self.rawID(of: token),
            let meta = try await self.agentRecord(rawID, "resume", key: key)
        else {
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
        let lease = ConsulLease(
            backend: self,
            token: token,
            rawID: rawID,
            ttl: ttl,
            registered: instance,
            renewedAt: nil
        )
        try await lease.verify()
        return lease
    }

    /// The id on the agent of what a token is of; `nil` when the agent has none.
    private func rawID(of token: LeaseToken) async throws(BackendError) -> String? {
        if let rawID = self.layout.rawID(of: token.id, in: token.service) { return rawID }
        // The id alone does not tell it in every layout; the nonce does.
        let call = ConsulCall(
            path: "/v1/agent/services",
            operation: "resume",
            key: "\(token.service)/\(token.id)",
            query: FilterText.equality("Meta[\"\(InstanceCodec.idKey)\"]", token.id.text),
            place: .agent
        )
        let answer = try await self.calls.send(call)
        return try ConsulCalls.reading("resume", call.key) { () throws(ValidationError) in
            var found: String?
            var reader = JSONReader(answer.body)
            try reader.object { (reader, rawID) throws(ValidationError) in
                var (name, meta) = ("", [String: String]())
                try reader.object { (reader, member) throws(ValidationError) in
                    switch member {
                    case "Service": name = try reader.optionalString()
                    case "Meta": meta = try reader.stringMap()
                    default: try reader.skip()
                    }
                }
                let isMeant = name == self.catalogName(token.service) && meta[InstanceCodec.idKey] == token.id.text
                // Of several with that id, as one host may have one of each service alone, it is the one of this lease.
                if isMeant, found == nil || meta[InstanceCodec.leaseKey] == token.secret { found = rawID }
            }
            return found
        }
    }
}
