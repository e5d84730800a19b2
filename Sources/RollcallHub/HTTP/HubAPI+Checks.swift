import HTTPEngine
import Rollcall
import Synchronization

extension HubAPI {
    /// What the hub's own checks have shown of a service's instances.
    func checks(_ service: ServiceName, _ request: HubRequest) throws {
        try request.checkQuery()
        let place = RegistryTable.Place(namespace: request.namespace, service: service)
        request.respond(json: self.checks.document(of: place))
    }
}

extension HubChecks {
    /// How many instances are checked, and what came of it.
    var counts: CheckBoard.Counts { self.board.withLock { $0.counts(at: self.clock.now) } }

    /// The document of `/v1/services/{service}/checks`.
    func document(of place: RegistryTable.Place) -> [UInt8] {
        let entries = self.board.withLock { $0.entries(at: place) }.sorted { $0.key < $1.key }
        let now = self.clock.now
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("service")
            writer.string(place.service.text)
            writer.key("checks")
            writer.array { writer in
                for (id, entry) in entries {
                    entry.write(id, at: now, self.configuration.damping, to: &writer)
                }
            }
        }
        return writer.bytes
    }
}

extension CheckBoard.Entry {
    fileprivate func write(
        _ id: InstanceID,
        at now: TimeSource.Instant,
        _ rules: FlapDamping.Rules,
        to writer: inout JSONWriter
    ) {
        writer.object { writer in
            writer.key("id")
            writer.string(id.text)
            writer.key("verdict")
            writer.string(self.verdict.rawValue)
            writer.key("isOut")
            writer.boolean(self.isOut)
            writer.key("failures")
            writer.integer(self.failures)
            writer.key("forSeconds")
            writer.integer(Int(self.since.duration(to: now) / .seconds(1)))
            writer.key("message")
            writer.string(self.message)
            guard self.isOut, self.verdict == .passing, let end = self.damping.end(rules) else { return }
            writer.key("heldForSeconds")
            writer.integer(max(Int((now.duration(to: end) / .seconds(1)).rounded(.up)), 0))
        }
    }
}

extension CheckBoard.Counts {
    /// The counts as a part of `/v1/status`.
    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            for (name, count) in [
                ("instances", self.instances), ("failing", self.failing), ("held", self.held),
                ("transitions", self.transitions),
            ] {
                writer.key(name)
                writer.integer(count)
            }
        }
    }

    /// The counts as a part of `/metrics`.
    func write(to text: inout MetricsText) {
        text.gauge("checked_instances", "Instances that the hub checks.", self.instances)
        text.gauge("checks_failing_instances", "Instances shown as critical for failed checks.", self.failing)
        text.gauge("checks_held_instances", "Instances that pass again but failed too often.", self.held)
        text.counter("check_transitions_total", "Times that checks changed an instance.", self.transitions)
    }
}
