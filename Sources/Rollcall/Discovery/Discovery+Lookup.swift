extension Discovery {
    /// The last good view of a service, without waiting; `nil` before the first.
    ///
    /// The service is watched from now on.
    public func currentSnapshot(of service: ServiceName) -> ServiceSnapshot? {
        self.view(of: service, isLookup: true).snapshot
    }

    /// The last good view of a service that is watched, without counting as a use of it.
    package func watchedSnapshot(of service: ServiceName) -> ServiceSnapshot? {
        self.existingView(of: service)?.snapshot
    }

    /// The view of a service, waiting for the first.
    ///
    /// - Parameters:
    ///   - service: The service. One that nobody registered has an empty snapshot.
    ///   - timeout: How long to wait; by default as configured.
    /// - Returns: The last good view.
    /// - Throws: `timeout`, `notRunning` or `cancelled`.
    public func snapshot(
        of service: ServiceName,
        within timeout: Duration? = nil
    ) async throws(BackendError) -> ServiceSnapshot {
        if let snapshot = self.currentSnapshot(of: service) { return snapshot }
        return try await self.waiting(for: service, within: timeout) { $0 }
    }

    /// Chooses an instance without waiting.
    ///
    /// The service is watched from now on.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - key: What the balancer may go by.
    /// - Returns: The chosen instance.
    /// - Throws: `notFound` when no instance may be chosen now, with a ``NoInstanceError`` as its cause that says why;
    ///   ``instance(of:key:where:within:)`` waits for one.
    public func pick(_ service: ServiceName, key: String? = nil) throws(BackendError) -> ServiceInstance {
        switch self.directory.pick(service, key: key) {
        case .instance(let instance): return instance
        case .table(let table, let random): return self.pick(from: table, PickRequest(key: key, random: random))
        case .none: break
        case .unknown:
            // Something local may be known of it at once.
            let table = self.view(of: service, isLookup: true).table
            if let table { return self.pick(from: table, PickRequest(key: key, random: self.nextRandom())) }
        }
        throw self.nothingToPick(self.view(of: service, isLookup: true), .configured)
    }

    /// Chooses an instance by a filter of this call, without waiting.
    ///
    /// A filter that adds to the configured one costs as many choices as are needed to hit what it lets through, and where
    /// calls or probes speak against all of that, it is chosen from all the same. One that replaces it costs a look at every instance and begins each time anew, so that turns do not go round. For
    /// many choices by a filter of their own there is ``picker(for:where:balancer:)``.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - key: What the balancer may go by.
    ///   - filter: Which instances this call may have.
    /// - Returns: The chosen instance.
    /// - Throws: `notFound` when no instance may be chosen now.
    public func pick(
        _ service: ServiceName,
        key: String? = nil,
        where filter: FilterChoice
    ) throws(BackendError) -> ServiceInstance {
        let view = self.view(of: service, isLookup: true)
        let request = PickRequest(key: key, random: self.nextRandom())
        guard let instance = self.pick(from: view, request, where: filter) else {
            throw self.nothingToPick(view, filter)
        }
        return instance
    }

    private func pick(from table: SelectionTable, _ request: PickRequest) -> ServiceInstance {
        table.instances[table.pick(request, clock: self.configuration.clock)]
    }

    private func pick(
        from view: ServiceView,
        _ request: PickRequest,
        where filter: FilterChoice
    ) -> ServiceInstance? {
        let clock = self.configuration.clock
        if filter.replacement == nil {
            guard let table = view.table else { return nil }
            guard let addition = filter.addition else { return table.instances[table.pick(request, clock: clock)] }
            let index = table.pick(request, clock: clock, where: { addition($0) })
            if let index { return table.instances[index] }
        }
        let table = view.table(where: filter.applied(to: self.configuration.filter))
        return table.map { $0.instances[$0.pick(request, clock: clock)] }
    }

    /// Chooses an instance, waiting until one may be chosen.
    ///
    /// Any number of callers may wait at once. This is what a service calls that may start before those it needs.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - key: What the balancer may go by.
    ///   - filter: Which instances this call may have; by default as configured.
    ///   - timeout: How long to wait; by default as configured.
    /// - Returns: The chosen instance.
    /// - Throws: `notFound` when none came in time, with a ``NoInstanceError`` as its cause; `timeout` when not even a first view did, `notRunning` or
    ///   `cancelled`.
    public func instance(
        of service: ServiceName,
        key: String? = nil,
        where filter: FilterChoice = .configured,
        within timeout: Duration? = nil
    ) async throws(BackendError) -> ServiceInstance {
        let view = self.view(of: service, isLookup: true)
        let request = PickRequest(key: key, random: self.nextRandom())
        if let instance = self.pick(from: view, request, where: filter) { return instance }
        return try await self.waiting(for: service, where: filter, within: timeout) { _ in
            // Observers are told after the table changed.
            try? self.pick(service, key: key, where: filter)
        }
    }

    /// Waits until `find` finds what is wanted in a snapshot.
    func waiting<Value: Sendable>(
        for service: ServiceName,
        where filter: FilterChoice = .configured,
        within timeout: Duration?,
        _ find: @escaping @Sendable (ServiceSnapshot) -> Value?
    ) async throws(BackendError) -> Value {
        let (reader, mailbox) = self.openMailbox()
        let id = self.addObserver(of: service) { mailbox.offer($0, for: service) }
        WorkGauge.enter()
        defer {
            self.removeObserver(id, of: service)
            self.closeMailbox(reader)
            WorkGauge.leave()
        }
        self.finishIfEnded(mailbox)
        let limit = timeout ?? self.configuration.lookupTimeout
        do throws(BackendError) {
            return try await withDeadline(limit, clock: self.configuration.clock) { () async throws(BackendError) in
                while let snapshot = try await mailbox.next() {
                    if let value = find(snapshot) { return value }
                }
                throw BackendError(.closed, "the client does not run any more")
            }
        } catch {
            throw error.code == .timeout || error.code == .closed ? self.explain(service, filter, limit) : error
        }
    }

    private func explain(_ service: ServiceName, _ filter: FilterChoice, _ limit: Duration) -> BackendError {
        guard self.isRunning else {
            return BackendError(
                .notRunning,
                "the client does not run: call its run(), or use the scoped form",
                backend: self.backend.name,
                operation: "look-up",
                key: service.text
            )
        }
        let view = self.existingView(of: service)
        if let view, view.snapshot != nil { return self.nothingToPick(view, filter) }
        return BackendError(
            .timeout,
            "no answer from the registry within \(limit)",
            backend: self.backend.name,
            operation: "look-up",
            key: service.text,
            cause: view?.lastError
        )
    }

    func nothingToPick(_ view: ServiceView, _ filter: FilterChoice) -> BackendError {
        let reason = NoInstanceError(view.evidence(filter.applied(to: self.configuration.filter)))
        return BackendError(
            .notFound,
            reason.summary,
            backend: self.backend.name,
            operation: "pick",
            key: view.service.text,
            cause: reason
        )
    }
}
