/// The tables of Rollcall's own balancers without the call through a protocol, which costs as much as the choice.
enum QuickChooser: Sendable {
    case random(RandomBalancer.Table)
    case roundRobin(RoundRobinBalancer.Table)
    case weighted(WeightedBalancer.Table)
    case leastOutstanding(LeastOutstandingBalancer.Table)
    case peakEWMA(PeakEWMABalancer.Table)
    case consistentHash(ConsistentHashBalancer.Table)

    /// Recognises a table, or returns `nil` for one of somebody else.
    init?(_ table: any BalancerTable) {
        switch table {
        case let table as RandomBalancer.Table: self = .random(table)
        case let table as RoundRobinBalancer.Table: self = .roundRobin(table)
        case let table as WeightedBalancer.Table: self = .weighted(table)
        case let table as LeastOutstandingBalancer.Table: self = .leastOutstanding(table)
        case let table as PeakEWMABalancer.Table: self = .peakEWMA(table)
        case let table as ConsistentHashBalancer.Table: self = .consistentHash(table)
        default: return nil
        }
    }

    /// Whether a choice makes it the next one's turn.
    var takesTurns: Bool {
        switch self {
        case .roundRobin, .weighted: true
        case .random, .leastOutstanding, .peakEWMA, .consistentHash: false
        }
    }

    /// Chooses for the only task that uses the table: its turn needs no step that other threads see at once.
    @inline(__always)
    func pickAlone(_ request: PickRequest) -> Int {
        switch self {
        case .roundRobin(let table): Int(table.turn.takeAlone() % table.count)
        case .weighted(let table): Int(table.places[Int(table.turn.takeAlone() % UInt(table.places.count))])
        default: self.pick(request)
        }
    }

    @inline(__always)
    func pick(_ request: PickRequest) -> Int {
        switch self {
        case .random(let table): table.pick(request)
        case .roundRobin(let table): table.pick(request)
        case .weighted(let table): table.pick(request)
        case .leastOutstanding(let table): table.pick(request)
        case .peakEWMA(let table): table.pick(request)
        case .consistentHash(let table): table.pick(request)
        }
    }
}
