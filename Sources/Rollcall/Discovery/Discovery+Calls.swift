extension Discovery {
    /// Chooses an instance for a call that will be reported, without waiting.
    ///
    /// What the reports tell is what ``OutlierDetection``, ``Balancer/leastOutstanding`` and ``Balancer/peakEWMA`` go by.
    ///
    /// - Parameters:
    ///   - service: The service, which is watched from now on.
    ///   - key: What the balancer may go by.
    ///   - filter: Which instances this call may have; by default as configured.
    /// - Returns: The call, to be told how it went.
    /// - Throws: `notFound` when no instance may be chosen now.
    public func beginCall(
        to service: ServiceName,
        key: String? = nil,
        where filter: FilterChoice = .configured
    ) throws(BackendError) -> InstanceCall {
        guard let call = self.call(service, key: key, where: filter, otherThan: []) else {
            throw self.nothingToPick(self.view(of: service, isLookup: true), filter)
        }
        return call
    }

    /// Calls `body` with an instance, and with another one when it fails and the failure allows that.
    ///
    /// How it went and how long it took counts for ``OutlierDetection`` and for balancers that go by it.
    ///
    /// - Parameters:
    ///   - service: The service; an instance of it is waited for.
    ///   - key: What the balancer may go by.
    ///   - filter: Which instances this call may have; by default as configured.
    ///   - attempts: The most instances to try, each once.
    ///   - timeout: How long to wait for the first instance; by default as configured.
    ///   - isRetryable: Whether another instance may be tried after an error. By default never: only the caller knows
    ///     whether the failed call may be repeated.
    ///   - judge: What an error says about the instance. By default it is to blame if another one may be tried, or for
    ///     a ``BackendError`` that it is `unavailable`, had a `timeout` or did not keep to the protocol.
    ///   - body: Calls the instance.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` threw last, or why there is no instance.
    @inlinable
    public func withInstance<Value>(
        of service: ServiceName,
        key: String? = nil,
        where filter: FilterChoice = .configured,
        attempts: Int = 1,
        within timeout: Duration? = nil,
        retryingIf isRetryable: (any Error) -> Bool = { _ in false },
        judging judge: ((any Error) -> CallOutcome)? = nil,
        _ body: (ServiceInstance) async throws -> Value
    ) async throws -> Value {
        var tried: Set<InstanceID> = []
        var call: InstanceCall
        if let now = self.call(service, key: key, where: filter, otherThan: tried) {
            call = now
        } else {
            call = try await self.call(to: service, key: key, where: filter, within: timeout)
        }
        while true {
            do {
                let value = try await body(call.instance)
                call.finish(.success)
                return value
            } catch {
                let mayRetry = isRetryable(error)
                call.finish(judge?(error) ?? CallOutcome(error, isRetryable: mayRetry))
                tried.insert(call.instance.id)
                guard tried.count < attempts, !Task.isCancelled, mayRetry,
                    let other = self.call(service, key: key, where: filter, otherThan: tried)
                else { throw error }
                call = other
            }
        }
    }

    /// Chooses an instance that is not among `tried`, or returns `nil` when there is none.
    package func pickAnother(
        _ service: ServiceName,
        key: String? = nil,
        than tried: Set<InstanceID>
    ) -> ServiceInstance? {
        let request = PickRequest(key: key, random: self.nextRandom())
        let table = self.view(of: service, isLookup: true).table
        let clock = self.configuration.clock
        let isUntried = { (instance: ServiceInstance) in !tried.contains(instance.id) }
        let index =
            tried.isEmpty
            ? table?.pick(request, clock: clock)
            : table?.pickOther(request, clock: clock, where: isUntried)
        return index.flatMap { table?.instances[$0] }
    }

    /// All instances that may be chosen now.
    package func candidates(of service: ServiceName) -> [ServiceInstance] {
        self.view(of: service, isLookup: true).table?.instances ?? []
    }

    @usableFromInline
    func call(
        to service: ServiceName,
        key: String?,
        where filter: FilterChoice,
        within timeout: Duration?
    ) async throws -> InstanceCall {
        let limit = timeout ?? self.configuration.lookupTimeout
        let deadline = self.configuration.clock.now.advanced(by: limit)
        while true {
            if let call = self.call(service, key: key, where: filter, otherThan: []) { return call }
            let rest = self.configuration.clock.now.duration(to: deadline)
            _ = try await self.instance(of: service, key: key, where: filter, within: max(rest, .zero))
        }
    }

    @usableFromInline
    func call(
        _ service: ServiceName,
        key: String?,
        where filter: FilterChoice,
        otherThan tried: Set<InstanceID>
    ) -> InstanceCall? {
        let clock = self.configuration.clock
        guard let found = self.directory.find(service) else {
            _ = self.view(of: service, isLookup: true)
            // Something local may be known of it at once.
            return self.directory.find(service).flatMap { self.call($0, key: key, where: filter, otherThan: tried) }
        }
        guard filter.isConfigured, tried.isEmpty else {
            return self.call(found, key: key, where: filter, otherThan: tried)
        }
        let request = PickRequest(key: key, random: found.random)
        guard let table = found.table, let (index, trial) = table.pickForCall(request, clock: clock) else {
            return nil
        }
        return InstanceCall(index, of: table, in: found.view, trial: trial)
    }

    private func call(
        _ found: PickDirectory.Found,
        key: String?,
        where filter: FilterChoice,
        otherThan tried: Set<InstanceID>
    ) -> InstanceCall? {
        let (view, clock) = (found.view, self.configuration.clock)
        let table = filter.replacement.map { view.table(where: $0) } ?? found.table
        guard let table else { return nil }
        let request = PickRequest(key: key, random: found.random)
        let addition = filter.addition
        let accepts = { (instance: ServiceInstance) in
            !tried.contains(instance.id) && (addition.map { $0(instance) } ?? true)
        }
        let choice =
            tried.isEmpty
            ? table.pickForCall(request, clock: clock, where: accepts)
            : table.pickOther(request, clock: clock, where: accepts).map { ($0, nil) }
        guard let (index, trial) = choice else {
            guard tried.isEmpty, addition != nil else { return nil }
            let whole = FilterChoice.only(filter.applied(to: self.configuration.filter))
            return self.call(found, key: key, where: whole, otherThan: [])
        }
        return InstanceCall(index, of: table, in: view, trial: trial)
    }
}
