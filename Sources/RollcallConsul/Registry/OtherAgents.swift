import HTTPEngine
import Rollcall
import Synchronization

/// What other agents have of the services that this process registers: looked up once for all of its leases.
///
/// An agent knows its own registrations alone, so that each lease must be looked for elsewhere now and then; one by one,
/// a thousand of them would keep the servers busy with nothing else.
final class OtherAgents: Sendable {
    private struct Look {
        let takenAt: TimeSource.Instant
        let records: [InstanceID: InstanceRecord]
    }

    private struct State {
        /// The node of the agent that registrations go to, once one was seen.
        var node: String?
        var looks: [ServiceName: Look] = [:]
        var pending: [ServiceName: Signal] = [:]
    }

    private enum Step {
        case known([InstanceID: InstanceRecord])
        case wait(Signal)
        case look(Signal, node: String?)
    }

    private let state = Mutex(State())

    /// Learns which node registrations are on.
    func learn(node: String) { self.state.withLock { $0.node = node } }

    /// What other agents have of a service.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - age: How old what is known may be.
    ///   - limit: How long a look may take.
    ///   - backend: Whom to ask.
    /// - Returns: The records; none when they cannot be read.
    func records(
        of service: ServiceName,
        atMost age: Duration,
        within limit: Duration,
        from backend: ConsulBackend
    ) async -> [InstanceID: InstanceRecord] {
        let now = backend.clock.now
        let step = self.state.withLock { state -> Step in
            if let look = state.looks[service], look.takenAt.duration(to: now) < age { return .known(look.records) }
            if let pending = state.pending[service] { return .wait(pending) }
            let pending = Signal()
            state.pending[service] = pending
            return .look(pending, node: state.node)
        }
        switch step {
        case .known(let records): return records
        case .wait(let pending):
            await pending.wait()
            return self.state.withLock { $0.looks[service]?.records ?? [:] }
        case .look(let pending, let node):
            let records = await Self.look(at: service, besides: node, within: limit, from: backend)
            self.state.withLock { state in
                state.looks[service] = records.map { Look(takenAt: now, records: $0) }
                state.pending[service] = nil
            }
            pending.raise()
            return records ?? [:]
        }
    }

    private static func look(
        at service: ServiceName,
        besides node: String?,
        within limit: Duration,
        from backend: ConsulBackend
    ) async -> [InstanceID: InstanceRecord]? {
        var call = backend.healthCall(service, "renew")
        if let node { call.query += FilterText.inequality("Node.Node", node) }
        call.limit = limit
        guard let answer = try? await backend.calls.send(call) else { return nil }
        return try? backend.records(answer, of: service, "renew")
    }
}
