import HTTPEngine
import Rollcall
import Synchronization

extension HeartbeatRegistryBackend {
    /// Registers and takes over what the registry says of required services.
    func announce(_ info: HeartbeatServiceInfo) async throws(BackendError) {
        try await self.resolveRegistry()
        // Registries of this kind do not know one instance again: what they may still hold goes first.
        if self.state.withLock({ $0.mayBeKnown }) { _ = try await self.send("DELETE", body: info.json) }
        self.state.withLock { state in
            state.table.beginRegistration(requiring: info.requires)
            state.mayBeKnown = true
        }
        do throws(BackendError) {
            let answer = try await self.send("POST", body: info.json)
            try Self.check(answer.status, "register")
            let instances = try self.instances(in: answer.body)
            // Before the table: whoever sees the table may ask for the lease.
            let now = self.configuration.clock.now
            self.state.withLock { $0.lastBeat = now }
            self.change { $0.finishRegistration(instances) }
        } catch {
            self.state.withLock { state in
                state.table.abandonRegistration()
                if error.applied == .no { state.mayBeKnown = false }
            }
            throw error
        }
    }

    /// Takes a record out of the registry; one that it does not hold is no error.
    func withdraw(_ info: HeartbeatServiceInfo) async throws(BackendError) {
        let answer = try await self.send("DELETE", body: info.json)
        if answer.status != 404 { try Self.check(answer.status, "deregister") }
        self.state.withLock { state in
            if state.registered == info { state.mayBeKnown = false }
        }
    }

    func send(_ method: String, body: [UInt8]) async throws(BackendError) -> HTTPClient.Response {
        let fields = body.isEmpty ? [] : [Problem.Header("Content-Type", "application/json")]
        let request = HTTPClient.Request(method, "/services", at: self.registry, fields: fields, body: body)
        do throws(ConnectionError) {
            return try await self.client.send(request, within: self.configuration.callTimeout)
        } catch {
            throw BackendError(
                Task.isCancelled ? .cancelled : error.kind == .timeout ? .timeout : .unavailable,
                "the registry at \(self.registry) did not answer: \(error)",
                backend: Self.name,
                operation: method,
                cause: error,
                applied: error.kind == .refused ? .no : .unknown
            )
        }
    }

    private func instances(in body: [UInt8]) throws(BackendError) -> [ServiceInstance] {
        do throws(ValidationError) {
            return try HeartbeatServiceInfo.readAnswer(body).compactMap { info in
                do throws(ValidationError) {
                    return try info.instance()
                } catch {
                    self.log(.warning, "the registry names an instance of \(info.name) that cannot be called: \(error)")
                    return nil
                }
            }
        } catch {
            throw BackendError(
                .protocolViolation,
                "the registry's answer cannot be read: \(error)",
                backend: Self.name,
                operation: "register",
                cause: error,
                applied: .unknown
            )
        }
    }

    /// Finds out from which addresses the registry will call: it may have moved since the last time.
    private func resolveRegistry() async throws(BackendError) {
        do throws(ConnectionError) {
            let addresses = try await self.resolve(self.registry)
            // A resolver that is away says nothing of where the registry is.
            guard !addresses.isEmpty else { return }
            self.state.withLock { $0.registryAddresses = Set(addresses.map(\.host)) }
        } catch {
            guard self.state.withLock({ $0.registryAddresses.isEmpty }) else { return }
            throw BackendError(.unavailable, error.message, backend: Self.name, cause: error)
        }
    }

    private static func check(_ status: Int, _ operation: String) throws(BackendError) {
        let code: BackendError.Code
        switch status {
        case 200..<300: return
        case 400, 422: code = .invalidArgument
        case 401: code = .unauthenticated
        case 403: code = .permissionDenied
        case 404, 405: code = .protocolViolation
        case 413: code = .tooLarge
        default: code = .unavailable
        }
        throw BackendError(
            code,
            "the registry answered with status \(status)",
            backend: Self.name,
            operation: operation,
            // Registries of this kind answer 500 for whatever fails, perhaps half-way.
            applied: status < 500 ? .no : .unknown
        )
    }
}
