@testable import Rollcall

/// Who may be chosen, as one would write it down: plain arrays, worked out anew each time, without care for speed.
struct SelectionModel {
    /// What calls told of one instance at one address.
    final class Known {
        enum Phase: Equatable {
            case admitted
            case ejected(since: Int, until: Int)
            case trial(since: Int)
        }

        let port: Int
        var phase = Phase.admitted
        var failuresInARow = 0
        var timesLeftOut = 0
        /// Which call tries whether it is back.
        var trialCall: Int?
        var outstanding = 0
        var average = 0.0
        var averageAt = 0
        /// Until when it gets its share little by little.
        var ramp: Int?

        init(port: Int, ramp: Int?) { (self.port, self.ramp) = (port, ramp) }

        var isEjected: Bool { if case .ejected = self.phase { true } else { false } }
        var isOnTrial: Bool { if case .trial = self.phase { true } else { false } }
        var isOpen: Bool { !self.isOnTrial && self.ramp == nil }
    }

    struct Held {
        let plain: Plain
        let until: Int
        var hasFailed = false
        var isGone = false
    }

    let setup: PlainSetup
    var now = 0
    /// What the registry said last, and since when it does not stand behind that.
    var delivered: (plains: [Plain], staleSince: Int?)?
    var present: [Plain] = []
    var losses: [(plain: Plain, at: Int)] = []
    var held: [Held] = []
    var local: (plains: [Plain], isInstead: Bool) = ([], false)
    /// What callers see, by id; `nil` before anything is known.
    var visible: [Plain]?
    var staleSince: Int?
    var known: [Int: Known] = [:]
    var probes: [Int: (verdict: ProbeVerdict, failures: Int)] = [:]
    var lastError: BackendError.Code?
    var turn = PlainTurn()
    var pickerTurn = PlainTurn()
    var lastCall = 0

    init(setup: PlainSetup) { self.setup = setup }

    private var ttl: Int { self.setup.collapse.ttl.inMilliseconds }

    // MARK: What the registry says

    mutating func accept(_ plains: [Plain], departed: [Int: DepartureReason], isStale: Bool) {
        self.lastError = nil
        self.believe(plains, departed)
        self.delivered = (plains.sorted { $0.id < $1.id }, isStale ? self.now : nil)
        self.refresh()
    }

    mutating func breakWatch() {
        self.lastError = .unavailable
        if self.delivered?.staleSince == nil { self.delivered?.staleSince = self.now }
        self.refresh()
    }

    /// Takes a look past the watch that nothing overtook.
    mutating func look(_ plains: [Plain]) {
        for index in self.held.indices {
            self.held[index].isGone = !plains.contains { $0.id == self.held[index].plain.id }
        }
        self.releaseRefuted()
        let plains = plains.sorted { $0.id < $1.id }
        if let delivered, delivered.staleSince == nil, delivered.plains != plains {
            self.believe(plains, [:])
            self.delivered = (plains, nil)
        }
        self.refresh()
    }

    mutating func setLocal(_ plains: [Plain], isInstead: Bool) {
        self.local = (plains, isInstead)
        self.refresh()
    }

    mutating func advance(by milliseconds: Int) {
        self.now += milliseconds
        let now = self.now
        self.held.removeAll { $0.until <= now }
        for known in self.known.values {
            if case .ejected(_, let until) = known.phase, until <= self.now {
                known.phase = .trial(since: self.now)
                (known.trialCall, known.ramp) = (nil, nil)
            }
            if let ramp = known.ramp, ramp <= self.now { known.ramp = nil }
        }
        self.refresh()
    }

    // MARK: The guard

    private mutating func believe(_ plains: [Plain], _ departed: [Int: DepartureReason]) {
        let ids = plains.map(\.id)
        let lost = self.present.filter { !ids.contains($0.id) && !Self.leftInOrder($0, departed[$0.id]) }
        let oldest = self.now - self.ttl
        self.losses.removeAll { $0.at <= oldest }
        self.losses += lost.map { ($0, self.now) }
        self.present = plains
        let isSettled = { (id: Int) in ids.contains(id) || departed[id] == .deregistered }
        self.losses.removeAll { isSettled($0.plain.id) }
        self.held.removeAll { isSettled($0.plain.id) }
        let missing = self.losses.count + self.held.count
        let isMost = missing + plains.count >= 4 && missing * 2 > missing + plains.count
        if self.setup.collapse.isEnabled, !lost.isEmpty, plains.isEmpty || isMost {
            let end = self.now + self.setup.collapse.timeBox.inMilliseconds
            self.held += self.losses.map { Held(plain: $0.plain, until: end) }
            self.losses = []
        }
        // What failed before tells of its end no second time.
        for held in self.held {
            let known = self.known[held.plain.id]
            let wasEjected = known?.isEjected == true && known?.port == held.plain.port
            if wasEjected || self.probes[held.plain.id]?.failures ?? 0 > 0 { self.noteFailure(held.plain.id) }
        }
    }

    private static func leftInOrder(_ plain: Plain, _ reason: DepartureReason?) -> Bool {
        switch reason {
        case .deregistered?: true
        case .expired?: false
        case .unknown?, nil: plain.status == .maintenance
        }
    }

    /// Notes that a probe failed, or a call to an instance at a port.
    mutating func noteFailure(_ id: Int, port: Int? = nil) {
        for index in self.held.indices where self.held[index].plain.id == id {
            if port ?? self.held[index].plain.port == self.held[index].plain.port { self.held[index].hasFailed = true }
        }
        self.releaseRefuted()
    }

    private mutating func releaseRefuted() { self.held.removeAll { $0.hasFailed && $0.isGone } }

    // MARK: What callers see

    mutating func refresh() {
        let isFirst = self.visible == nil
        let base: (plains: [Plain], staleSince: Int?)
        if let delivered {
            base = delivered
        } else if !self.local.plains.isEmpty || !isFirst {
            base = ([], isFirst ? self.now : self.staleSince)
        } else {
            return
        }
        var plains = base.plains + self.held.map(\.plain)
        if !self.local.plains.isEmpty {
            let others = self.local.isInstead ? [] : plains
            plains = others + self.local.plains.filter { plain in !others.contains { $0.id == plain.id } }
        }
        self.visible = plains.sorted { $0.id < $1.id }
        self.staleSince = base.staleSince
        self.followInstances(isFirst: isFirst)
    }

    private mutating func followInstances(isFirst: Bool) {
        var known: [Int: Known] = [:]
        for plain in self.visible ?? [] {
            if let former = self.known[plain.id], former.port == plain.port {
                known[plain.id] = former
            } else {
                let isRamped = !isFirst && self.setup.slowStart > 0
                known[plain.id] = Known(port: plain.port, ramp: isRamped ? self.now + self.setup.slowStart : nil)
            }
        }
        self.known = known
        self.probes = self.probes.filter { known[$0.key] != nil }
    }

    /// Which of those that callers see are held.
    var visiblyHeld: [Int] {
        self.held.map(\.plain.id).filter { id in self.visible?.contains { $0.id == id } == true }
    }
}

extension Duration {
    var inMilliseconds: Int { Int(self / .milliseconds(1)) }
}
