public import Rollcall
import Synchronization

extension HeartbeatRegistryBackend {
    /// See ``RegistryBackend/register(_:ttl:)``.
    ///
    /// What is registered is the address of the first endpoint, which must be `http`, and what it requires.
    ///
    /// - Throws: Also `invalidArgument` while another instance is registered through this value.
    public func register(
        _ instance: ServiceInstance,
        ttl: Duration
    ) async throws(BackendError) -> any InstanceLease {
        guard instance.endpoint.scheme == "http" else {
            throw BackendError(.unsupported, "\(instance.endpoint) has no http address to check", backend: self.name)
        }
        let info = HeartbeatServiceInfo(
            name: instance.service,
            address: instance.endpoint.authority,
            requires: instance.requires
        )
        let other = self.state.withLock { state in
            let other = state.registered.flatMap { $0 == info ? nil : $0 }
            if other == nil { state.registered = info }
            return other
        }
        if let other {
            throw BackendError(
                .invalidArgument,
                "\(other.name) at \(other.address) is registered here already; each service needs a value of its own",
                backend: self.name,
                operation: "register"
            )
        }
        do throws(BackendError) {
            try await self.announce(info)
        } catch {
            if !self.state.withLock({ $0.mayBeKnown }) { self.state.withLock { $0.registered = nil } }
            throw error
        }
        return HeartbeatLease(backend: self, info: info, instance: instance)
    }

    /// See ``RegistryBackend/instances(of:)``; a service that is not required is an empty list.
    public func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        self.state.withLock { Self.snapshot(of: service, $0) }
    }

    /// See ``RegistryBackend/watch(_:deliver:)``; a service that is not required stays empty.
    public func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let mailbox = SnapshotMailbox.snapshots()
        let id = self.state.withLock { state in
            state.nextWatch += 1
            state.watches[state.nextWatch] = (service, mailbox)
            mailbox.offer(Self.snapshot(of: service, state), for: service)
            return state.nextWatch
        }
        defer { self.state.withLock { _ = $0.watches.removeValue(forKey: id) } }
        while let snapshot = try await mailbox.next() { deliver(snapshot) }
        throw BackendError(.closed, "the watch ended", backend: self.name)
    }

    /// See ``RegistryBackend/services()``; only required ones are known.
    public func services() async throws(BackendError) -> [ServiceSummary] {
        self.state.withLock { state in
            state.table.names.map { name in
                ServiceSummary(service: name, counts: [.passing: state.table.instances(of: name).count])
            }
        }
    }

    /// See ``RegistryBackend/watchServices(deliver:)``; only required ones are known.
    public func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let mailbox = KeyedMailbox<Bool, [ServiceName]>()
        let id = self.state.withLock { state in
            state.nextWatch += 1
            state.nameWatches[state.nextWatch] = mailbox
            mailbox.offer(state.table.names, for: true)
            return state.nextWatch
        }
        defer { self.state.withLock { _ = $0.nameWatches.removeValue(forKey: id) } }
        while let names = try await mailbox.next() { deliver(names) }
        throw BackendError(.closed, "the watch ended", backend: self.name)
    }

    /// Not possible: the protocol has nothing to change.
    public func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        throw BackendError(.unsupported, "a heart-beat registry keeps nothing but addresses", backend: self.name)
    }

    /// See ``RegistryBackend/remove(_:id:)``; the id is the address.
    ///
    /// The holder is not told and may register again.
    public func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        try await self.withdraw(HeartbeatServiceInfo(name: service, address: id.text))
    }

    /// Not possible: the protocol has no leases.
    public func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        throw BackendError(.unsupported, "a heart-beat registry has no leases", backend: self.name)
    }
}
