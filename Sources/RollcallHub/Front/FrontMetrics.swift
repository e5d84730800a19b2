import Rollcall

/// What a hub in front of an engine counts, and tells of itself.
final class FrontMetrics: Sendable {
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

    /// What is served in front of an engine.
    static func features(of engine: any RegistryBackend) -> [String] {
        var features = ["services", "watch", "catalog"]
        if engine is any ConfigBackend { features.append("config") }
        if engine is any ConfigBatchBackend { features.append("config-batch") }
        if engine is any LockBackend { features.append("locks") }
        return features
    }

    /// The document of `/v1/status`.
    func status(of hub: FrontHub) -> [UInt8] {
        let spaces = hub.spaces
        var writer = JSONWriter()
        writer.object { writer in
            writer.key("version")
            writer.string(RollcallVersion.text)
            writer.key("epoch")
            writer.string(hub.epoch)
            writer.key("uptimeSeconds")
            writer.integer(self.uptime)
            writer.key("durability")
            writer.string("the engine's: this hub keeps nothing")
            writer.key("writable")
            writer.boolean(hub.health?.canWrite ?? false)
            writer.key("counts")
            writer.object { writer in
                for (name, count) in Self.counts(hub, spaces) {
                    writer.key(name)
                    writer.integer(count)
                }
            }
            writer.key("backend")
            Self.write(hub.health, hub.first?.engine.name ?? "", to: &writer)
            if let engine = hub.first?.engine {
                writer.key("capabilities")
                let config = (engine as? any ConfigBackend)?.configCapabilities
                CapabilityDocument(registry: engine.capabilities, config: config).write(to: &writer)
            }
            writer.key("features")
            writer.array { writer in
                for feature in hub.first.map({ Self.features(of: $0.engine) }) ?? [] { writer.string(feature) }
            }
        }
        return writer.bytes
    }

    private static func counts(_ hub: FrontHub, _ spaces: [FrontSpace]) -> [(String, Int)] {
        [
            ("namespaces", spaces.count),
            ("watches", hub.feed.count),
            ("configWatches", hub.configFeed.count),
            ("engineWatches", spaces.reduce(0) { $0 + $1.registry.watchCount }),
            ("locks", spaces.reduce(0) { $0 + ($1.locks?.count ?? 0) }),
        ]
    }

    private static func write(_ health: BackendHealth?, _ name: String, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("name")
            writer.string(name)
            writer.key("isReachable")
            writer.boolean(health?.isReachable ?? false)
            if let latency = health?.latency {
                writer.key("latency")
                writer.string(latency.text)
            }
            for (key, text) in [
                ("leader", health?.leader), ("serverVersion", health?.serverVersion), ("message", health?.message),
                ("error", health?.error?.description),
            ] {
                guard let text else { continue }
                writer.key(key)
                writer.string(text)
            }
            if let count = health?.memberCount {
                writer.key("memberCount")
                writer.integer(count)
            }
            writer.key("canRead")
            writer.boolean(health?.canRead ?? false)
            writer.key("canWrite")
            writer.boolean(health?.canWrite ?? false)
        }
    }

    /// The document of `/metrics`: Prometheus text format 0.0.4.
    func text(of hub: FrontHub) -> [UInt8] {
        let spaces = hub.spaces
        var text = MetricsText(prefix: "rollcall_hub_")
        text.gauge("watches", "Streams and polls open now.", hub.feed.count)
        text.gauge("config_watches", "Streams about configuration open now.", hub.configFeed.count)
        text.gauge(
            "engine_watches",
            "Services watched in the engine now.",
            spaces.reduce(0) { $0 + $1.registry.watchCount }
        )
        text.gauge(
            "locks",
            "Locks that clients of this hub hold now.",
            spaces.reduce(0) { $0 + ($1.locks?.count ?? 0) }
        )
        text.gauge("namespaces", "Namespaces that have a client of the engine now.", spaces.count)
        let health = hub.health
        text.gauge("engine_reachable", "Whether the engine answered last.", health?.isReachable == true ? 1 : 0)
        text.gauge("engine_writable", "Whether the engine took changes last.", health?.canWrite == true ? 1 : 0)
        let latency = health?.latency.map { Int($0 / .microseconds(1)) } ?? 0
        text.gauge("engine_latency_microseconds", "How long the engine's last answer took.", latency)
        if let count = health?.memberCount { text.gauge("engine_members", "Members of the engine's cluster.", count) }
        if let labels = health?.infoLabels(backend: hub.first?.engine.name ?? "") {
            text.add("engine_info", "gauge", "The engine's leader and version as labels; always 1.", [(labels, "1")])
        }
        text.counter("registrations_total", "Registrations so far.", self.registrations.value)
        text.counter("renewals_total", "Leases renewed so far.", self.renewals.value)
        text.counter("lookups_total", "Look-ups of one service so far.", self.lookups.value)
        text.gauge("uptime_seconds", "Time since the start.", self.uptime)
        return Array(text.text.utf8)
    }
}
