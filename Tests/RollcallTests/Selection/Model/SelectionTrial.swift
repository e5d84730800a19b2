import RollcallTesting

@testable import Rollcall

/// Takes a history through the real thing and through the model, and says where they differ.
///
/// What the discovery's tasks do when it runs, such as to settle what is due, is done here by the steps themselves, so
/// that a history takes no time and has one outcome.
final class SelectionTrial {
    struct Failure: Error {}

    /// A call that is under way in both.
    final class OpenCall {
        var real: InstanceCall?
        let plain: SelectionModel.Call

        init(_ real: consuming InstanceCall, _ plain: SelectionModel.Call) {
            self.real = consume real
            self.plain = plain
        }
    }

    private final class PickerBox {
        var picker: Picker

        init(_ picker: consuming Picker) { self.picker = picker }
    }

    let discovery: Discovery
    let view: ServiceView
    let service: ServiceName
    let clock: ManualClock
    var model: SelectionModel
    /// What came to pass, so that a test can tell that histories are not all dull.
    private(set) var sights: Set<String> = []
    private var calls: [OpenCall] = []
    private var picker: PickerBox?
    private var keyed: [[Plain]: [Int: Plain]] = [:]
    private var lastRevision: UInt64 = 0

    init(_ setup: PlainSetup, backend: (any RegistryBackend)? = nil, clock: ManualClock = ManualClock()) throws {
        self.clock = clock
        self.service = try ServiceName(Plain.service)
        var configuration = setup.configuration
        configuration.clock = TimeSource(clock)
        self.discovery = Discovery(backend: backend ?? ScriptedBackend(self.service), configuration: configuration)
        self.view = self.discovery.view(of: self.service, isLookup: true)
        self.model = SelectionModel(setup: setup)
    }

    /// Takes a whole history.
    ///
    /// - Returns: What differs after which step, or `nil`.
    static func run(_ history: History, sights: inout Set<String>) async throws -> (step: Int, text: String)? {
        let trial = try SelectionTrial(history.setup)
        defer { sights.formUnion(trial.sights) }
        for (number, step) in history.steps.enumerated() {
            if let text = try await trial.take(step) ?? trial.difference(isThorough: !step.isChoice) {
                return (number, text)
            }
        }
        // Many histories at once must not keep other tests from running.
        await Task.yield()
        return nil
    }

    /// Takes one step in both.
    ///
    /// - Returns: What the model would not have done, or `nil`.
    func take(_ step: Step) async throws -> String? {
        switch step {
        case .deliver(let plains, let departed, let isStale):
            try self.deliver(plains, departed, isStale: isStale)
        case .watchBreaks:
            self.view.markStale(since: self.view.clock.now, because: BackendError(.unavailable, "away"))
            self.model.breakWatch()
        case .advance(let milliseconds):
            self.clock.advance(by: .milliseconds(milliseconds))
            self.view.settle()
            self.model.advance(by: milliseconds)
        case .look(let plains, let overtaking):
            let deliveries = self.view.beginLook()
            if let overtaking { try self.deliver(overtaking, [:], isStale: false) }
            _ = self.view.confirm(try self.snapshot(plains), since: deliveries)
            if overtaking == nil { self.model.look(plains) }
        case .local(let plains, let isInstead):
            let instances = try plains.map { try $0.instance }
            try self.discovery.setLocal(
                LocalInstances(instances, mode: isInstead ? .instead : .added),
                of: self.service
            )
            self.model.setLocal(plains, isInstead: isInstead)
        case .probe(let id, let verdict, let failures):
            self.view.accept(try self.report(id, verdict, failures))
            self.model.accept(id, verdict, failures: failures)
        default:
            return try await self.choose(step)
        }
        return nil
    }

    private func choose(_ step: Step) async throws -> String? {
        switch step {
        case .pick(let choice, let key): return try self.pick(choice, key: key)
        case .pickByPicker: return try self.pickByPicker()
        case .pickAnother(let tried): return try self.pickAnother(than: tried)
        case .begin(let choice):
            let (difference, call) = try self.begin(choice)
            if let call { self.calls.append(call) }
            return difference
        case .finish(let place, let outcome):
            guard !self.calls.isEmpty else { return nil }
            self.end(self.calls.remove(at: place % self.calls.count), outcome)
        case .abandon(let place):
            guard !self.calls.isEmpty else { return nil }
            let call = self.calls.remove(at: place % self.calls.count)
            call.real = nil
            self.model.end(call.plain, .ignored)
        case .calls(let count, let ill):
            for _ in 0..<count {
                let (difference, call) = try self.begin(.configured)
                if let difference { return difference }
                if let call { self.end(call, ill.contains(call.plain.plain.id) ? .failure : .success) }
            }
        case .failOver(let choice, let attempts, let failures):
            return try await self.failOver(choice, attempts: attempts, failures: failures)
        default: break
        }
        return nil
    }

    private func deliver(_ plains: [Plain], _ departed: [Int: DepartureReason], isStale: Bool) throws {
        self.view.accept(try self.snapshot(plains, departed, isStale: isStale))
        self.model.accept(plains, departed: departed, isStale: isStale)
    }

    private func snapshot(
        _ plains: [Plain],
        _ departed: [Int: DepartureReason] = [:],
        isStale: Bool = false
    ) throws -> ServiceSnapshot {
        self.lastRevision += 1
        var reasons: [InstanceID: DepartureReason] = [:]
        for (id, reason) in departed { reasons[Plain.ids[id]] = reason }
        return ServiceSnapshot(
            service: self.service,
            instances: try plains.map { try $0.instance },
            revision: self.lastRevision,
            departed: reasons,
            freshness: isStale ? .stale(since: self.view.clock.now) : .live,
            source: "scripted"
        )
    }

    private func report(_ id: Int, _ verdict: ProbeVerdict, _ failures: Int) throws -> ProbeReport {
        ProbeReport(
            service: self.service,
            id: Plain.ids[id],
            verdict: verdict,
            failures: failures,
            checkedAt: self.view.clock.now,
            message: "test"
        )
    }

    func note(_ sight: String, if isSeen: Bool = true) { if isSeen { self.sights.insert(sight) } }

    func end(_ call: OpenCall, _ outcome: CallOutcome) {
        if var real = call.real.take() { real.finish(outcome) }
        self.model.end(call.plain, outcome)
    }

    /// Who a key went to before, as long as the same may be chosen.
    func owner(of key: Int, in pool: [Plain]) -> Plain? { self.keyed[pool]?[key] }

    func setOwner(of key: Int, in pool: [Plain], _ plain: Plain) { self.keyed[pool, default: [:]][key] = plain }

    func pickWithPicker() -> ServiceInstance? {
        let box = self.picker ?? PickerBox(self.discovery.picker(for: self.service))
        self.picker = box
        return box.picker.pick()
    }
}
