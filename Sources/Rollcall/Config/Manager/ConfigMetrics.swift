import Synchronization

/// What a manager sees and did so far, without names of keys, so that the number of figures stays bounded.
public struct ConfigMetrics: Hashable, Sendable {
    /// Keys that are kept.
    public var keys = 0
    /// Of these those whose edition may not be the latest, because the backend is not heard.
    public var staleKeys = 0
    /// Of these those whose edition was taken from the disk.
    public var keysFromFile = 0
    /// How long ago the backend confirmed the oldest of those; zero without any.
    public var fileAge = Duration.zero
    /// Keys of which the backend holds an edition that is refused.
    public var quarantinedKeys = 0
    /// Keys of which the backend holds nothing.
    public var absentKeys = 0
    /// Keys of which the backend holds something that cannot be understood.
    public var undecodableKeys = 0
    /// Keys of which the backend holds something else under the same version.
    public var differingKeys = 0
    /// How often an edition of the backend came into force.
    public var adoptions = 0
    /// How often an edition of this program was stored.
    public var uploads = 0
    /// How often an edition of the backend was refused.
    public var rejections = 0
    /// How often all keys were synced.
    public var syncs = 0
    /// How often some of them failed in that.
    public var failedSyncs = 0
    /// How often a comparison showed what a watch had not told.
    public var missedChanges = 0
    /// How often a watch broke.
    public var brokenWatches = 0
    /// How often a subscriber failed.
    public var subscriberFailures = 0
    /// How often the copy on the disk was written.
    public var diskCopies = 0
    /// How often it could not be read or written.
    public var failedDiskCopies = 0

    /// The figures in the text format of Prometheus.
    public var prometheusText: String {
        var text = MetricsText(prefix: "rollcall_config_")
        text.gauge("keys", "Keys that are kept.", self.keys)
        text.gauge("keys_stale", "Keys that the backend is not heard of.", self.staleKeys)
        text.gauge("keys_from_file", "Keys whose edition was taken from the disk.", self.keysFromFile)
        text.gauge("file_age_seconds", "Age of the oldest of those.", fraction: self.fileAge.inNanoseconds / 1e9)
        text.gauge("keys_quarantined", "Keys whose stored edition is refused.", self.quarantinedKeys)
        text.gauge("keys_absent", "Keys of which nothing is stored.", self.absentKeys)
        text.gauge("keys_undecodable", "Keys whose stored content cannot be understood.", self.undecodableKeys)
        text.gauge("keys_differing", "Keys with two contents under one version.", self.differingKeys)
        text.counter("adoptions_total", "Stored editions that came into force.", self.adoptions)
        text.counter("uploads_total", "Editions that this program stored.", self.uploads)
        text.counter("rejections_total", "Stored editions that were refused.", self.rejections)
        text.counter("syncs_total", "Times that all keys were synced.", self.syncs)
        text.counter("syncs_failed_total", "Of these those in which a key failed.", self.failedSyncs)
        text.counter("missed_changes_total", "Changes that a watch had not told.", self.missedChanges)
        text.counter("watches_broken_total", "Times that a watch broke.", self.brokenWatches)
        text.counter("subscriber_failures_total", "Times that a subscriber failed.", self.subscriberFailures)
        text.counter("disk_copies_total", "Times that the copy was written.", self.diskCopies)
        text.counter("disk_copies_failed_total", "Times that it could not be used or written.", self.failedDiskCopies)
        return text.text
    }
}

extension ConfigManager {
    /// What it sees now, and did so far; ``lastHealth`` has the figures of the backend.
    public var metrics: ConfigMetrics {
        let now = self.now
        return self.state.withLock { state in
            var metrics = ConfigMetrics(state.machine.counts)
            for entry in state.machine.entries.values { metrics.add(entry, at: now) }
            return metrics
        }
    }
}

extension ConfigMetrics {
    fileprivate init(_ counts: ConfigMachine.Counts) {
        self.init()
        self.adoptions = counts.adoptions
        self.uploads = counts.uploads
        self.rejections = counts.rejections
        self.syncs = counts.syncs
        self.failedSyncs = counts.failedSyncs
        self.missedChanges = counts.missedChanges
        self.brokenWatches = counts.brokenWatches
        self.subscriberFailures = counts.subscriberFailures
        self.diskCopies = counts.copies
        self.failedDiskCopies = counts.failedCopies
    }

    fileprivate mutating func add(_ entry: ConfigMachine.Entry, at now: TimeSource.Instant) {
        self.keys += 1
        self.staleKeys += entry.staleSince == nil ? 0 : 1
        self.quarantinedKeys += entry.quarantine == nil ? 0 : 1
        self.differingKeys += entry.differs ? 1 : 0
        switch entry.stored {
        case .absent: self.absentKeys += 1
        case .undecodable: self.undecodableKeys += 1
        case .present, .unknown: break
        }
        guard entry.shown?.source == .file, let saved = entry.saved else { return }
        self.keysFromFile += 1
        self.fileAge = max(self.fileAge, saved.asOf.duration(to: now))
    }
}
