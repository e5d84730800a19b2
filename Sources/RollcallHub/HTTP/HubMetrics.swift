import Rollcall
import Synchronization

/// A number that only rises.
struct Counter: ~Copyable, Sendable {
    private let count = Atomic<Int>(0)

    /// The number now.
    var value: Int { self.count.load(ordering: .relaxed) }

    /// Raises it.
    func add(_ count: Int = 1) { self.count.wrappingAdd(count, ordering: .relaxed) }
}

/// What the hub counts.
final class HubMetrics: Sendable {
    let registrations = Counter()
    let renewals = Counter()
    let lookups = Counter()
    private static let features = [
        "services", "watch", "checks", "tutorial", "catalog", "config", "config-history", "config-batch",
        "config-candidates", "locks", "backup",
    ]

    private let clock: TimeSource
    private let start: TimeSource.Instant

    init(clock: TimeSource) {
        self.clock = clock
        self.start = clock.now
    }

    private var uptime: Int { Int(self.start.duration(to: self.clock.now) / .seconds(1)) }

    /// The document of `/v1/status`.
    func status(of store: HubStore, _ checks: HubChecks) -> [UInt8] {
        let counts = store.counts
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("version")
            writer.string(RollcallVersion.text)
            writer.key("epoch")
            writer.string(store.epoch)
            writer.key("uptimeSeconds")
            writer.integer(self.uptime)
            writer.key("durability")
            writer.string(store.durability)
            writer.key("writable")
            writer.boolean(store.isWritable)
            writer.key("counts")
            writer.object { writer in
                writer.key("services")
                writer.integer(counts.services)
                writer.key("instances")
                writer.integer(counts.instances)
                writer.key("watches")
                writer.integer(store.feed.count)
                writer.key("configWatches")
                writer.integer(store.config.state.feed.count)
                writer.key("locks")
                writer.integer(store.locks.counts.locks)
            }
            writer.key("guard")
            store.guardStatus.write(to: &writer)
            writer.key("checks")
            checks.counts.write(to: &writer)
            writer.key("capabilities")
            CapabilityDocument.ownStore.write(to: &writer)
            writer.key("features")
            writer.array { writer in
                for feature in Self.features { writer.string(feature) }
            }
        }
        return writer.bytes
    }

    /// The document of `/metrics`: Prometheus text format 0.0.4.
    func text(of store: HubStore, _ checks: HubChecks) -> [UInt8] {
        let counts = store.counts
        var text = MetricsText(prefix: "rollcall_hub_")
        text.gauge("instances", "Instances registered now.", counts.instances)
        text.gauge("services", "Services with instances now.", counts.services)
        text.gauge("watches", "Streams and polls open now.", store.feed.count)
        text.gauge("config_watches", "Streams about configuration open now.", store.config.state.feed.count)
        let locks = store.locks.counts
        text.gauge("locks", "Locks that somebody holds now.", locks.locks)
        text.gauge("locks_waiting", "Callers that wait for a lock now.", locks.waiting)
        let guardStatus = store.guardStatus
        let held = guardStatus.held.values.reduce(0, +)
        text.gauge("instances_held", "Instances kept beyond their time, as too many ended at once.", held)
        text.counter("guard_activations_total", "Times that a service came under the guard.", guardStatus.activations)
        checks.counts.write(to: &text)
        text.counter("registrations_total", "Registrations so far.", self.registrations.value)
        text.counter("renewals_total", "Leases renewed so far.", self.renewals.value)
        text.counter("lookups_total", "Look-ups of one service so far.", self.lookups.value)
        text.gauge("journal_bytes", "Size of the journal.", store.journalLength)
        text.gauge("uptime_seconds", "Time since the start.", self.uptime)
        return Array(text.text.utf8)
    }
}
