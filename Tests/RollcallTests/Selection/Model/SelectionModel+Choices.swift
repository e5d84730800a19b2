@testable import Rollcall

/// Whose turn it is, as far as that is known.
struct PlainTurn {
    var next: Int? = 0
    /// `next` is known only modulo this.
    var modulus: Int?
}

/// Who may be chosen.
extension SelectionModel {
    /// What a filter and what is known of instances leave.
    func pool(where fits: (Plain) -> Bool) -> [Plain] {
        let eligible = (self.visible ?? []).filter(fits)
        let admitted = eligible.filter { plain in
            self.probes[plain.id]?.verdict != .failing && self.known[plain.id]?.isEjected != true
        }
        let isPanic = admitted.isEmpty || Double(admitted.count) < Double(eligible.count) * self.setup.panicThreshold
        return isPanic ? eligible : admitted
    }

    var configuredPool: [Plain] { self.pool { self.setup.filter.accepts($0) } }

    /// What a choice goes over, and what of that it may have.
    func candidates(_ choice: PlainChoice) -> (pool: [Plain], accepted: [Plain], isAnew: Bool) {
        let configured = self.configuredPool
        switch choice {
        case .configured: return (configured, configured, false)
        case .only(let filter):
            let pool = self.pool { filter.accepts($0) }
            return (pool, pool, true)
        case .also(let filter):
            let accepted = configured.filter { filter.accepts($0) }
            guard accepted.isEmpty else { return (configured, accepted, false) }
            // None is left of what fits: then all that fits is better than nothing.
            let pool = self.pool { self.setup.filter.accepts($0) && filter.accepts($0) }
            return (pool, pool, true)
        }
    }

    /// Who may come of it: a trial is for calls that are reported, and one at a time; any is better than none.
    func allowed(_ accepted: [Plain], forCall: Bool) -> [Plain] {
        guard accepted.contains(where: { self.isOpen($0) }) else { return accepted }
        return accepted.filter { plain in
            guard let known = self.known[plain.id], known.isOnTrial else { return true }
            return forCall && known.trialCall == nil
        }
    }

    func isOpen(_ plain: Plain) -> Bool { self.known[plain.id]?.isOpen == true }

    /// Whether nothing but the policy decides.
    func isPlain(_ choice: PlainChoice) -> Bool {
        choice == .configured && self.configuredPool.allSatisfy { self.isOpen($0) }
    }

    /// Who of the allowed ones a policy does not take when nothing else decides.
    func allowed(byPolicy pool: [Plain]) -> [Plain] {
        switch self.setup.policy {
        case .roundRobin, .weighted, .random, .peakEWMA, .consistentHash: return pool
        case .leastOutstanding:
            let loads = pool.map { plain in
                Double((self.known[plain.id]?.outstanding ?? 0) + 1) / Double(max(plain.weight, 1))
            }
            let most = loads.max() ?? 0
            // Of any two it takes the better one, so that who is worse than all others never comes.
            guard loads.count > 1, loads.count(where: { $0 > most * (1 - 1e-9) }) == 1 else { return pool }
            return pool.indices.filter { loads[$0] < most }.map { pool[$0] }
        case .zone:
            let near = pool.filter { $0.zone == "a" }
            let registered = (self.visible ?? []).count { $0.zone == "a" }
            if near.isEmpty { return pool }
            return Double(near.count) / Double(registered) >= 0.7 ? near : pool
        case .subset:
            let seed = KeyHash.hash("me")
            let ranked = pool.sorted {
                SplitMix64.mix(seed ^ KeyHash.hash("i\($0.id)")) > SplitMix64.mix(seed ^ KeyHash.hash("i\($1.id)"))
            }
            return Array(ranked.prefix(PlainSetup.subsetSize))
        }
    }

    // MARK: Turns

    /// Who comes when within a turn; `nil` for policies without.
    func places(of pool: [Plain]) -> [Plain]? {
        switch self.setup.policy {
        case .roundRobin: pool
        case .weighted: Self.weightedPlaces(pool)
        default: nil
        }
    }

    /// The k-th of w places is due at (k + phase) / w of a turn, with a phase for each instance.
    private static func weightedPlaces(_ pool: [Plain]) -> [Plain] {
        var shares = pool.map(\.weight)
        if shares.allSatisfy({ $0 == 0 }) { shares = pool.map { _ in 1 } }
        let divisor = (1...max(shares.max() ?? 1, 1)).last { number in shares.allSatisfy { $0 % number == 0 } } ?? 1
        var due: [(numerator: Int, denominator: Int, plain: Plain)] = []
        for (index, plain) in pool.enumerated() {
            let (phase, whole) = Self.phases[index]
            for place in 0..<shares[index] / divisor {
                due.append((place * whole + phase, whole * (shares[index] / divisor), plain))
            }
        }
        due.sort {
            let (left, right) = ($0.numerator * $1.denominator, $1.numerator * $0.denominator)
            return left != right ? left < right : $0.plain.id < $1.plain.id
        }
        return due.map(\.plain)
    }

    /// The numbers that halve what is left between those before.
    private static let phases = [(1, 2), (1, 4), (3, 4), (1, 8), (5, 8), (3, 8), (7, 8), (1, 16), (9, 16), (5, 16)]

    /// Goes on by turns until someone comes who is sure to be taken, and says who; `nil` where chance has a say.
    func walk(_ turn: inout PlainTurn, _ pool: [Plain], isSure: (Plain) -> Bool, isUnsure: (Plain) -> Bool) -> Plain? {
        guard let places = self.places(of: pool), !places.isEmpty else { return nil }
        let isKnown = turn.modulus == nil || turn.modulus == places.count
        guard let start = turn.next, isKnown else {
            turn = PlainTurn(next: nil)
            return nil
        }
        for step in 0..<15 {
            let plain = places[(start + step) % places.count]
            if isUnsure(plain) { break }
            guard isSure(plain) else { continue }
            turn.next = start + step + 1
            return plain
        }
        turn = PlainTurn(next: nil)
        return nil
    }

    /// Learns whose turn it is from who came, where it was not known.
    func learn(_ turn: inout PlainTurn, from chosen: Plain, of pool: [Plain]) {
        guard turn.next == nil, self.setup.policy == .roundRobin, pool.allSatisfy({ self.isOpen($0) }),
            let place = pool.firstIndex(of: chosen)
        else { return }
        turn = PlainTurn(next: place + 1, modulus: pool.count)
    }
}
