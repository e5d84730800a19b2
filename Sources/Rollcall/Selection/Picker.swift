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
        guard let table = self.table else { return nil }
        let request = PickRequest(key: key, random: self.random.next())
        let index = table.isQuick ? table.quickPickAlone(request) : table.pick(request, clock: self.view.clock)
        return table.instances[index]
    }

    private mutating func rebuild(_ generation: UInt64) {
        guard let inputs = self.view.inputs else { return }
        let (pool, _) = inputs.pool(where: self.filter, self.view.rules)
        self.table = SelectionTable(pool.unshared, balancer: self.balancer, replacing: self.formerTable)
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
        where filter: FilterChoice = .configured,
        balancer: (any Balancer)? = nil
    ) -> Picker {
        Picker(
            service: service,
            discovery: self,
            filter: filter.applied(to: self.configuration.filter),
            balancer: balancer ?? self.configuration.balancer
        )
    }
}
