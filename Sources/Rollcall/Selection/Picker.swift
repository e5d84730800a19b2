import Synchronization

/// Chooses instances of one service inside a loop of one task, as fast as that can be.
///
/// It keeps the table that it chose from last and its own generator, so that a choice is one relaxed load, unless
/// the instances changed. Make it with ``Discovery/picker(for:where:balancer:)``; while it lives, the service is watched.
public struct Picker: ~Copyable {
    private let discovery: Discovery
    private let view: ServiceView
    private let observer: UInt64
    private let filter: InstanceFilter
    private let balancer: any Balancer
    private var table: SelectionTable?
    private var formerTable: SelectionTable?
    private var generation: UInt64 = 0
    private var random = SplitMix64()

    init(service: ServiceName, discovery: Discovery, filter: InstanceFilter, balancer: any Balancer) {
        self.discovery = discovery
        self.observer = discovery.addObserver(of: service) { _ in }
        self.view = discovery.view(of: service, isLookup: false)
        self.filter = filter
        self.balancer = balancer
    }

    deinit {
        self.discovery.removeObserver(self.observer, of: self.view.service)
    }

    /// Chooses an instance, or returns `nil` when none may be chosen now.
    ///
    /// - Parameter key: What the balancer may go by.
    /// - Returns: The chosen instance.
    public mutating func pick(key: String? = nil) -> ServiceInstance? {
        let generation = self.view.generation.load(ordering: .relaxed)
        if generation != self.generation { self.rebuild(generation) }
        return self.table?.pick(PickRequest(key: key, random: self.random.next()))
    }

    private mutating func rebuild(_ generation: UInt64) {
        guard let snapshot = self.view.snapshot else { return }
        self.table = SelectionTable(
            snapshot,
            filter: self.filter,
            balancer: self.balancer,
            replacing: self.formerTable
        )
        self.formerTable = self.table ?? self.formerTable
        self.generation = generation
    }
}

extension Discovery {
    /// Makes a picker, which watches the service while it lives.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - filter: Which instances may be chosen; by default as configured.
    ///   - balancer: How one is chosen; by default as configured. Its state is the picker's own.
    /// - Returns: The picker, owned by the calling task.
    public func picker(
        for service: ServiceName,
        where filter: InstanceFilter? = nil,
        balancer: (any Balancer)? = nil
    ) -> Picker {
        Picker(
            service: service,
            discovery: self,
            filter: filter ?? self.configuration.filter,
            balancer: balancer ?? self.configuration.balancer
        )
    }

    /// Calls `body` with an instance, and with another one when it fails and the failure allows that.
    ///
    /// - Parameters:
    ///   - service: The service; an instance of it is waited for.
    ///   - key: What the balancer may go by.
    ///   - attempts: The most instances to try, each once.
    ///   - timeout: How long to wait for the first instance; by default as configured.
    ///   - isRetryable: Whether another instance may be tried after an error. By default never: only the caller knows
    ///     whether the failed call may be repeated.
    ///   - body: Calls the instance.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` threw last, or why there is no instance.
    public func withInstance<Value>(
        of service: ServiceName,
        key: String? = nil,
        attempts: Int = 1,
        within timeout: Duration? = nil,
        retryingIf isRetryable: (any Error) -> Bool = { _ in false },
        _ body: (ServiceInstance) async throws -> Value
    ) async throws -> Value {
        var tried: Set<InstanceID> = []
        var instance = try await self.instance(of: service, key: key, within: timeout)
        while true {
            do {
                return try await body(instance)
            } catch {
                tried.insert(instance.id)
                guard tried.count < attempts, !Task.isCancelled, isRetryable(error),
                    let other = self.pickAnother(service, key: key, than: tried)
                else { throw error }
                instance = other
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
        let other = self.view(of: service, isLookup: true).table?.pick(request, excluding: tried)
        return other.flatMap { tried.contains($0.id) ? nil : $0 }
    }

    /// All instances that may be chosen now.
    package func candidates(of service: ServiceName) -> [ServiceInstance] {
        self.view(of: service, isLookup: true).table?.instances ?? []
    }
}
