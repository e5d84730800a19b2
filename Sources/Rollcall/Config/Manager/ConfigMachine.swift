/// What a manager knows and uses, as a value: every transition, without clock, lock, network or validator.
struct ConfigMachine: Sendable {
    /// What a transition asks its owner to do, once the lock is free.
    struct Effects {
        /// What is to be said.
        var lines: [(level: Log.Level, message: String)] = []
        /// Whether readers have something to see.
        var isVisible = false
        /// Whether the copy on the disk is out of date.
        var outdatesCopy = false
        /// Whether all keys are to be synced.
        var needsSync = false
    }

    /// What an earlier process left on the disk of one key.
    struct Saved: Hashable {
        let edition: ConfigEdition
        /// When the backend last confirmed it.
        let asOf: TimeSource.Instant
    }

    /// What is known of one key.
    struct Entry {
        var item: ConfigItem
        let historyLimit: Int
        /// What the rules compare with what is stored.
        var own: ConfigEdition?
        /// What the disk says, until the backend says something that can be used.
        var saved: Saved?
        var usesSaved = false
        var stored = ConfigStored.unknown
        var sawDeletion = false
        var quarantine: ConfigQuarantine?
        var differs = false
        var lastError: BackendError?
        /// What was told of a sync that failed, and need not be told each time.
        var toldFailure: BackendError.Code?
        /// The last edition that the backend held and that is good.
        var confirmed: ConfigEdition?
        var confirmedAt: TimeSource.Instant?
        /// `nil` while the backend is heard.
        var staleSince: TimeSource.Instant?
        var isWatched = false
        var watchBroke = false
        /// What this program is writing: when the watch brings it, that is no news.
        var pending: [ConfigDraft] = []
        var history: [ConfigEdition] = []
        /// Rises with whatever is learnt, so that a read that was overtaken is known as such.
        var lessons: UInt64 = 0
        /// Rises with whatever readers can see.
        var change: UInt64 = 0
        /// Rises with what is used.
        var valueChange: UInt64 = 0

        /// What is used.
        var shown: ConfigEdition? { self.usesSaved ? self.saved?.edition ?? self.own : self.own }
    }

    /// What was counted so far.
    struct Counts {
        var adoptions = 0
        var uploads = 0
        var rejections = 0
        var syncs = 0
        var failedSyncs = 0
        var missedChanges = 0
        var brokenWatches = 0
        var subscriberFailures = 0
        var copies = 0
        var failedCopies = 0
    }

    var entries: [ConfigKey: Entry]
    /// What is used of each key, by itself, because that is read far more often than all else.
    private(set) var inForce: [ConfigKey: ConfigEdition] = [:]
    var counts = Counts()
    private(set) var health: (sample: BackendHealth, takenAt: TimeSource.Instant)?
    /// Whether keys may have changed while the backend was away.
    var owesSync = false
    /// Whether the copy on the disk lacks something.
    var copyIsOutdated = false

    /// Creates a machine that knows what the program brings.
    ///
    /// - Parameters:
    ///   - items: What the program brings; of several of one key the last counts.
    ///   - historyLimit: How many editions of each key are remembered.
    ///   - now: The present moment.
    init(items: [ConfigItem], historyLimit: Int, at now: TimeSource.Instant) {
        self.entries = [:]
        for item in items {
            var entry = Entry(item: item, historyLimit: max(historyLimit, 1), own: item.edition(at: now))
            entry.staleSince = now
            entry.history = [entry.own].compactMap(\.self)
            self.entries[item.key] = entry
            self.inForce[item.key] = entry.own
        }
    }

    /// Changes one key, and finds out who has to hear of it.
    ///
    /// - Parameters:
    ///   - key: The key; nothing happens for one that is not known.
    ///   - isTold: Whether another version of the same content in use is news for subscribers.
    ///   - body: Makes the change.
    /// - Returns: What the owner has to do.
    mutating func change(
        _ key: ConfigKey,
        isTold: Bool = true,
        _ body: (inout Entry, inout Effects) -> Void
    ) -> Effects {
        var effects = Effects()
        guard var entry = self.entries[key] else { return effects }
        let former = entry
        body(&entry, &effects)
        let isNewValue = !(entry.shown?.isSame(as: former.shown) ?? (former.shown == nil))
        if isNewValue, isTold || entry.shown?.content != former.shown?.content { entry.valueChange += 1 }
        effects.isVisible =
            isNewValue || entry.shown?.source != former.shown?.source || entry.stored != former.stored
            || entry.quarantine != former.quarantine
        if effects.isVisible { entry.change += 1 }
        effects.outdatesCopy = entry.confirmed != nil && !(entry.confirmed?.isSame(as: former.confirmed) ?? true)
        self.entries[key] = entry
        self.inForce[key] = entry.shown
        self.copyIsOutdated = self.copyIsOutdated || effects.outdatesCopy
        return effects
    }

    /// Notes a sample of the backend's health.
    ///
    /// Nothing counts as heard while the backend is not well, because a watch may be silent for that reason.
    mutating func sampled(_ sample: BackendHealth, at now: TimeSource.Instant) {
        self.health = (sample, now)
        guard !sample.isWell else { return }
        self.owesSync = true
        for key in self.entries.keys where self.entries[key]?.staleSince == nil {
            self.entries[key]?.staleSince = now
        }
    }

    /// Notes that keys may differ from what is believed.
    mutating func oweSync() { self.owesSync = true }

    /// Notes how a sync of all keys ended.
    mutating func synced(failures: [BackendError]) {
        self.counts.syncs += 1
        self.counts.failedSyncs += failures.isEmpty ? 0 : 1
        self.owesSync = failures.contains { $0.code == .unavailable || $0.code == .timeout }
    }
}

extension BackendHealth {
    /// Whether configuration can be read from it.
    var isWell: Bool { self.isReachable && self.canRead }
}
