extension Discovery {
    /// Gives `body` the snapshots of a service for as long as it runs; the current one comes first.
    ///
    /// All observations of a service share one watch, which ends with the last of them.
    ///
    /// - Parameters:
    ///   - service: The service, matched exactly.
    ///   - filter: Which instances to show; by default as ``DiscoveryConfiguration/observed`` says. One that ceases to fit
    ///     is removed for a reason that is `unknown`.
    ///   - body: Reads the updates. When it returns, the observation ends.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public func withUpdates<Value>(
        of service: ServiceName,
        where filter: FilterChoice = .configured,
        _ body: (ServiceUpdates) async throws -> Value
    ) async rethrows -> Value {
        let shown = filter.applied(to: self.configuration.observed)
        return try await self.observing(service) { try await body(ServiceUpdates(mailbox: $0, filter: shown)) }
    }

    /// Gives `body` the events of a service for as long as it runs; the first register what is there.
    ///
    /// - Parameters:
    ///   - service: The service, matched exactly.
    ///   - filter: Which instances to show; by default as ``DiscoveryConfiguration/observed`` says. One that ceases to fit
    ///     is removed for a reason that is `unknown`.
    ///   - body: Reads the events. When it returns, the observation ends.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public func withEvents<Value>(
        of service: ServiceName,
        where filter: FilterChoice = .configured,
        _ body: (ServiceEvents) async throws -> Value
    ) async rethrows -> Value {
        let shown = filter.applied(to: self.configuration.observed)
        return try await self.observing(service) { try await body(ServiceEvents(mailbox: $0, filter: shown)) }
    }

    /// Gives `body` the snapshots of every service that a pattern covers, also of those that come later.
    ///
    /// A service whose last instance left is seen empty once, and again when it returns.
    ///
    /// - Parameters:
    ///   - pattern: Which services.
    ///   - filter: Which instances to show; by default as ``DiscoveryConfiguration/observed`` says. One that ceases to fit
    ///     is removed for a reason that is `unknown`.
    ///   - body: Reads the updates. When it returns, the observation ends.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public func withUpdates<Value>(
        matching pattern: ServicePattern,
        where filter: FilterChoice = .configured,
        _ body: (ServiceUpdates) async throws -> Value
    ) async rethrows -> Value {
        let shown = filter.applied(to: self.configuration.observed)
        return try await self.observing(pattern) { try await body(ServiceUpdates(mailbox: $0, filter: shown)) }
    }

    /// Gives `body` the events of every service that a pattern covers, also of those that come later.
    ///
    /// - Parameters:
    ///   - pattern: Which services.
    ///   - filter: Which instances to show; by default as ``DiscoveryConfiguration/observed`` says. One that ceases to fit
    ///     is removed for a reason that is `unknown`.
    ///   - body: Reads the events. When it returns, the observation ends.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public func withEvents<Value>(
        matching pattern: ServicePattern,
        where filter: FilterChoice = .configured,
        _ body: (ServiceEvents) async throws -> Value
    ) async rethrows -> Value {
        let shown = filter.applied(to: self.configuration.observed)
        return try await self.observing(pattern) { try await body(ServiceEvents(mailbox: $0, filter: shown)) }
    }

    private func observing<Value>(
        _ service: ServiceName,
        _ body: (SnapshotMailbox) async throws -> Value
    ) async rethrows -> Value {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let (reader, mailbox) = self.openMailbox()
        let id = self.addObserver(of: service) { mailbox.offer($0, for: service) }
        defer {
            self.removeObserver(id, of: service)
            self.closeMailbox(reader)
        }
        self.finishIfEnded(mailbox)
        return try await body(mailbox)
    }

    private func observing<Value>(
        _ pattern: ServicePattern,
        _ body: (SnapshotMailbox) async throws -> Value
    ) async rethrows -> Value {
        if let service = pattern.service { return try await self.observing(service, body) }
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let (reader, mailbox) = self.openMailbox()
        let observation = PatternObservation(pattern: pattern, discovery: self, mailbox: mailbox)
        let id = self.names.addObserver { observation.receive($0) }
        defer {
            self.names.removeObserver(id)
            observation.end()
            self.closeMailbox(reader)
        }
        self.finishIfEnded(mailbox)
        return try await body(observation.mailbox)
    }
}
