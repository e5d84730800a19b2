import RollcallTesting
import Synchronization
import Testing

@testable import Rollcall

/// Takes a history through a discovery that runs, with a registry behind it that says what the history says.
///
/// What is due the discovery's own tasks do, and after each step this waits until they have come to rest where the model
/// is.
struct RunningTrial {
    private let trial: SelectionTrial
    private let backend: ScriptedBackend
    private let clock = ManualClock()
    /// What the registry has, whether or not it can be asked.
    private var registry: (plains: [Plain], departed: [Int: DepartureReason]) = ([], [:])
    private var isAway = false
    private var lastLook: Int?

    private init(_ setup: PlainSetup) throws {
        self.backend = ScriptedBackend(try ServiceName(Plain.service))
        self.trial = try SelectionTrial(setup, backend: self.backend, clock: self.clock)
        self.trial.model.accept([], departed: [:], isStale: false)
    }

    /// Takes a whole history.
    ///
    /// - Returns: What differs after which step, or `nil`.
    static func run(_ history: History) async throws -> (step: Int, text: String)? {
        var running = try RunningTrial(history.setup)
        var found: (step: Int, text: String)?
        let discovery = running.trial.discovery
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await discovery.run() }
            defer { group.cancelAll() }
            found = try await running.take(history)
        }
        return found
    }

    private mutating func take(_ history: History) async throws -> (step: Int, text: String)? {
        if let text = try await self.rest() { return (-1, text) }
        for (number, step) in history.steps.enumerated() {
            if let text = try await self.take(step) { return (number, text) }
            if let text = try await self.rest() { return (number, text) }
        }
        return nil
    }

    private mutating func take(_ step: Step) async throws -> String? {
        switch step {
        case .deliver(let plains, let departed, _):
            try self.show(plains, departed)
            if !self.isAway { self.trial.model.accept(plains, departed: departed, isStale: false) }
        case .watchBreaks:
            return self.isAway ? try await self.comeBack() : self.goAway()
        case .advance(let milliseconds):
            self.advance(by: milliseconds)
        // The discovery looks when it is time to.
        case .look: break
        default: return try await self.trial.take(step)
        }
        return nil
    }

    private mutating func show(_ plains: [Plain], _ departed: [Int: DepartureReason]) throws {
        self.registry = (plains, departed)
        var reasons: [InstanceID: DepartureReason] = [:]
        for (id, reason) in departed { reasons[Plain.ids[id]] = reason }
        self.backend.show(try plains.map { try $0.instance }, departed: reasons)
    }

    private mutating func advance(by milliseconds: Int) {
        self.clock.advance(by: .milliseconds(milliseconds))
        self.trial.model.advance(by: milliseconds)
    }

    private mutating func goAway() -> String? {
        self.isAway = true
        self.backend.setAway(true)
        self.trial.model.breakWatch()
        return nil
    }

    /// Lets time pass until the watch, which is opened again after a random pause, has told what there is.
    private mutating func comeBack() async throws -> String? {
        self.isAway = false
        self.backend.setAway(false)
        for _ in 0..<100 {
            self.advance(by: 100)
            let (view, clock) = (self.trial.view, self.clock)
            // Either the watch has told something, or it sleeps beside those who sleep always.
            try await eventually { view.snapshot?.freshness == .live || clock.sleeperCount == 3 }
            if view.snapshot?.freshness == .live {
                let (plains, departed) = self.registry
                self.trial.model.accept(plains, departed: departed, isStale: false)
                return nil
            }
            if let text = try await self.rest(isWatching: false) { return text }
        }
        return "the watch does not come back"
    }

    /// Lets the model look at the registry when it is time to, and waits until the discovery has done the same.
    ///
    /// - Returns: What differs in the end, or `nil`.
    private mutating func rest(isWatching: Bool? = nil) async throws -> String? {
        let timeBox = self.trial.model.setup.collapse.timeBox.inMilliseconds
        let isDue = self.lastLook.map { $0 + timeBox / 4 <= self.trial.model.now } ?? true
        if isDue, self.trial.model.held.contains(where: { !$0.isGone }) {
            self.lastLook = self.trial.model.now
            if !self.isAway { self.trial.model.look(self.registry.plains) }
        }
        var text: String?
        let sleepers = isWatching ?? !self.isAway ? 2 : 3
        let deadline = ContinuousClock.now.advanced(by: .seconds(20))
        repeat {
            text = try self.difference(sleepers: sleepers)
            if text == nil { return nil }
            try await Task.sleep(for: .milliseconds(1))
        } while ContinuousClock.now < deadline
        return text
    }

    private func difference(sleepers: Int) throws -> String? {
        if let text = try self.trial.difference() { return text }
        let (held, look) = self.trial.view.state.withLock { ($0.guardian.held, $0.lastLook) }
        for plain in self.trial.model.held {
            let found = held[Plain.ids[plain.plain.id]]
            guard found?.hasFailed == plain.hasFailed, found?.isConfirmedGone == plain.isGone else {
                return "held is \(String(describing: found)), not \(plain)"
            }
        }
        guard look?.elapsed.inMilliseconds == self.lastLook else {
            return "the last look was at \(String(describing: look)), not \(String(describing: self.lastLook))"
        }
        return self.clock.sleeperCount == sleepers ? nil : "\(self.clock.sleeperCount) tasks sleep, not \(sleepers)"
    }
}
