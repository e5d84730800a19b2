/// Chooses instances in turn, each as often as its weight says, and spread evenly over the turn.
///
/// One turn is as long as the sum of the weights divided by their greatest common divisor, and in it each instance comes
/// exactly as often as its weight, divided likewise. Turns longer than ``maximumTurn`` are shortened: then shares are
/// within half a place of a turn of what the weights say, and each instance comes at least once.
public struct WeightedBalancer: Balancer {
    /// The longest turn, unless there are more instances.
    public static let maximumTurn = 65536

    struct Table: BalancerTable {
        let turn: Turn
        let places: [UInt32]

        func pick(_ request: PickRequest) -> Int {
            Int(self.places[Int(self.turn.take() % UInt(self.places.count))])
        }
    }

    /// Creates the balancer.
    public init() {}

    /// Makes the table for a service.
    public func table(for pool: SelectionPool, replacing former: (any BalancerTable)?) -> any BalancerTable {
        Table(
            turn: (former as? Table)?.turn ?? Turn(),
            places: Self.places(of: pool.instances.map { max($0.weight, 0) })
        )
    }

    /// Who comes when within a turn, for weights of which some may be 0.
    static func places(of weights: [Int]) -> [UInt32] {
        let shares = Self.shares(of: weights)
        let length = shares.reduce(0, +)
        // The k-th of w places of an instance is due at (k + phase) / w of the turn. Phases differ, or else instances
        // of the same weight would all be due at the same time, behind a long run of a heavier one.
        var due: [(at: Double, index: UInt32)] = []
        due.reserveCapacity(length)
        for (index, share) in shares.enumerated() {
            let phase = Self.phase(index)
            for place in 0..<share { due.append(((Double(place) + phase) / Double(share), UInt32(index))) }
        }
        due.sort { $0.at != $1.at ? $0.at < $1.at : $0.index < $1.index }
        return due.map(\.index)
    }

    private static func shares(of weights: [Int]) -> [Int] {
        let sum = weights.reduce(0, +)
        // A filter may let drained instances through on purpose.
        guard sum > 0 else { return weights.map { _ in 1 } }
        let divisor = weights.reduce(0, Self.greatestCommonDivisor)
        guard sum / divisor > max(Self.maximumTurn, weights.count) else { return weights.map { $0 / divisor } }
        let scale = Double(max(Self.maximumTurn, weights.count)) / Double(sum)
        return weights.map { $0 == 0 ? 0 : max(1, Int((Double($0) * scale).rounded())) }
    }

    private static func greatestCommonDivisor(_ first: Int, _ second: Int) -> Int {
        var (first, second) = (first, second)
        while second != 0 { (first, second) = (second, first % second) }
        return first
    }

    /// The numbers 1/2, 1/4, 3/4, 1/8, …: evenly spread, however many are taken (van der Corput, 1935).
    private static func phase(_ index: Int) -> Double {
        var (rest, phase, place) = (index + 1, 0.0, 0.5)
        while rest > 0 {
            if rest & 1 == 1 { phase += place }
            (rest, place) = (rest >> 1, place / 2)
        }
        return phase
    }
}

extension Balancer where Self == WeightedBalancer {
    /// In turn, each as often as its weight says, and spread evenly.
    public static var weighted: WeightedBalancer { WeightedBalancer() }
}
