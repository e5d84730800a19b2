import Synchronization

/// What a discovery sees and did so far, without names of services, so that the number of figures stays bounded.
public struct DiscoveryMetrics: Hashable, Sendable {
    /// Services that are watched.
    public var services = 0
    /// Of these those whose view is stale.
    public var staleServices = 0
    /// Instances of all services that are watched.
    public var instances = 0
    /// Of these those that are kept though the registry has them no more.
    public var heldInstances = 0
    /// Of these those that are left out because calls to them failed.
    public var ejectedInstances = 0
    /// Of these those that fail their probes.
    public var failingInstances = 0
    /// Services of which too few instances are left that nothing speaks against.
    public var panickingServices = 0
    /// How often the loss of most of a service was not believed at once.
    public var collapses = 0
    /// How often an instance was left out because calls to it failed.
    public var ejections = 0
    /// How often a look at the registry showed what its watch had not told.
    public var missedChanges = 0
    /// How often a watch broke.
    public var brokenWatches = 0

    /// The figures in the text format of Prometheus.
    public var prometheusText: String {
        var text = MetricsText(prefix: "rollcall_discovery_")
        text.gauge("services", "Services that are watched.", self.services)
        text.gauge("services_stale", "Services whose view is stale.", self.staleServices)
        text.gauge("services_panicking", "Services with too few good instances.", self.panickingServices)
        text.gauge("instances", "Instances of the services that are watched.", self.instances)
        text.gauge("instances_held", "Instances kept though the registry lost them.", self.heldInstances)
        text.gauge("instances_ejected", "Instances left out because calls failed.", self.ejectedInstances)
        text.gauge("instances_failing", "Instances that fail their probes.", self.failingInstances)
        text.counter("collapses_total", "Times that the loss of most of a service was not believed.", self.collapses)
        text.counter("ejections_total", "Times that an instance was left out.", self.ejections)
        text.counter("missed_changes_total", "Changes that a watch had not told.", self.missedChanges)
        text.counter("watches_broken_total", "Times that a watch broke.", self.brokenWatches)
        return text.text
    }
}

/// What a discovery counts.
final class DiscoveryCounters: Sendable {
    let collapses = Atomic(0)
    let ejections = Atomic(0)
    let missedChanges = Atomic(0)
    let brokenWatches = Atomic(0)
}

extension Discovery {
    /// What it sees now, and did so far.
    public var metrics: DiscoveryMetrics {
        var metrics = DiscoveryMetrics()
        for view in self.views { view.add(to: &metrics) }
        metrics.collapses = self.counters.collapses.load(ordering: .relaxed)
        metrics.ejections = self.counters.ejections.load(ordering: .relaxed)
        metrics.missedChanges = self.counters.missedChanges.load(ordering: .relaxed)
        metrics.brokenWatches = self.counters.brokenWatches.load(ordering: .relaxed)
        return metrics
    }
}

extension ServiceView {
    fileprivate func add(to metrics: inout DiscoveryMetrics) {
        let (inputs, held, isPanicking) = self.state.withLock { ($0.inputs, $0.guardian.held.count, $0.isPanicking) }
        metrics.services += 1
        guard let inputs else { return }
        metrics.staleServices += inputs.snapshot.freshness == .live ? 0 : 1
        metrics.panickingServices += isPanicking ? 1 : 0
        metrics.instances += inputs.snapshot.instances.count
        metrics.heldInstances += held
        metrics.ejectedInstances += inputs.statistics.values.count { $0.isEjected }
        metrics.failingInstances += inputs.failing.count
    }
}

extension BackendHealth {
    /// The sample in the text format of Prometheus, for a backend of this name.
    ///
    /// - Parameter backend: The kind of backend, for a label.
    /// - Returns: The text.
    public func prometheusText(backend: String) -> String {
        var text = MetricsText(prefix: "rollcall_backend_")
        let label = "{backend=\"\(backend)\"}"
        func gauge(_ name: String, _ help: String, _ value: String?) {
            if let value { text.add(name, "gauge", help, [(label, value)]) }
        }
        gauge("reachable", "Whether the backend answered.", self.isReachable ? "1" : "0")
        gauge("can_read", "Whether it can be read.", self.canRead ? "1" : "0")
        gauge("can_write", "Whether it can be written.", self.canWrite ? "1" : "0")
        let seconds = self.latency.map { "\($0.inNanoseconds / 1e9)" }
        gauge("latency_seconds", "How long its answer took.", seconds)
        gauge("members", "Members of its cluster.", self.memberCount.map { "\($0)" })
        if let labels = self.infoLabels(backend: backend) {
            text.add("info", "gauge", "Its leader and version as labels; always 1.", [(labels, "1")])
        }
        return text.text
    }

    /// What a figure that is always 1 tells by its labels: the leader and the version, of which there are few at a time.
    ///
    /// - Parameter backend: The kind of backend.
    /// - Returns: The labels; `nil` when neither is known.
    package func infoLabels(backend: String) -> String? {
        guard self.leader != nil || self.serverVersion != nil else { return nil }
        let pairs = [("backend", backend), ("leader", self.leader ?? ""), ("version", self.serverVersion ?? "")]
        return "{" + pairs.map { "\($0)=\"\(MetricsText.escape($1))\"" }.joined(separator: ",") + "}"
    }
}
