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
    private let clock: TimeSource
    private let start: TimeSource.Instant

    init(clock: TimeSource) {
        self.clock = clock
        self.start = clock.now
    }

    private var uptime: Int { Int(self.start.duration(to: self.clock.now) / .seconds(1)) }

    /// The document of `/v1/status`.
    func status(of store: HubStore) -> [UInt8] {
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
            writer.raw((store.isWritable ? "true" : "false").utf8)
            writer.key("counts")
            writer.object { writer in
                writer.key("services")
                writer.integer(counts.services)
                writer.key("instances")
                writer.integer(counts.instances)
                writer.key("watches")
                writer.integer(store.feed.count)
            }
            writer.key("features")
            writer.array { writer in
                for feature in ["services", "watch", "tutorial", "catalog"] { writer.string(feature) }
            }
        }
        return writer.bytes
    }

    /// The document of `/metrics`: Prometheus text format 0.0.4.
    func text(of store: HubStore) -> [UInt8] {
        let counts = store.counts
        let rows: [(name: String, kind: String, help: String, value: Int)] = [
            ("instances", "gauge", "Instances registered now.", counts.instances),
            ("services", "gauge", "Services with instances now.", counts.services),
            ("watches", "gauge", "Streams and polls open now.", store.feed.count),
            ("registrations_total", "counter", "Registrations so far.", self.registrations.value),
            ("renewals_total", "counter", "Leases renewed so far.", self.renewals.value),
            ("lookups_total", "counter", "Look-ups of one service so far.", self.lookups.value),
            ("journal_bytes", "gauge", "Size of the journal.", store.journalLength),
            ("uptime_seconds", "gauge", "Time since the start.", self.uptime),
        ]
        var text = ""
        for row in rows {
            text += "# HELP rollcall_hub_\(row.name) \(row.help)\n# TYPE rollcall_hub_\(row.name) \(row.kind)\n"
            text += "rollcall_hub_\(row.name) \(row.value)\n"
        }
        return Array(text.utf8)
    }
}
