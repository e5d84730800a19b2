/// What is learnt of a key: from its watch, from a read, or from what a write returned.
extension ConfigMachine {
    /// Where a finding comes from.
    enum Origin {
        /// A watch delivered it.
        case watch
        /// It was read, when this much had been learnt.
        case read(after: UInt64)
    }

    /// Applies what the rules say of what was found.
    ///
    /// - Parameters:
    ///   - ruling: What the rules say; an upload is for the owner to make.
    ///   - stored: What was found.
    ///   - key: The key.
    ///   - origin: Where it comes from.
    ///   - now: The present moment.
    /// - Returns: What the owner has to do; `nil` when the read was overtaken and says nothing any more.
    mutating func apply(
        _ ruling: ConfigRules.Ruling,
        found stored: ConfigStored,
        of key: ConfigKey,
        from origin: Origin,
        at now: TimeSource.Instant
    ) -> Effects? {
        if case .read(let lessons) = origin, self.entries[key]?.lessons != lessons { return nil }
        let former = self.entries[key]?.quarantine
        if case .adopt = ruling.action { self.counts.adoptions += 1 }
        let effects = self.change(key) { entry, effects in
            entry.hear(stored, from: origin, &effects, at: now)
            switch ruling.action {
            case .adopt(let edition): entry.adopt(edition, &effects)
            case .quarantine(let edition, let reason):
                entry.quarantine(edition, reason, &effects, at: now)
            case .keep(let edition, let isSame): entry.keep(edition, isSame: isSame, &effects)
            case .leaveAlone where ruling.row == 8: entry.quarantine = nil
            case .leaveAlone, .refuseOwn, .upload: break
            }
        }
        if let quarantine = self.entries[key]?.quarantine, quarantine != former { self.counts.rejections += 1 }
        return effects
    }

    /// Notes that what this program is writing itself was found.
    mutating func foundOwnWrite(_ stored: ConfigEntry, from origin: Origin, at now: TimeSource.Instant) -> Effects {
        self.change(stored.key) { entry, effects in
            entry.hear(.present(version: stored.version), from: origin, &effects, at: now)
        }
    }

    /// Notes that nothing is stored.
    mutating func foundNothing(of key: ConfigKey, from origin: Origin, at now: TimeSource.Instant) -> Effects? {
        if case .read(let lessons) = origin, self.entries[key]?.lessons != lessons { return nil }
        return self.change(key) { entry, effects in
            let wasStored = entry.stored != .absent && entry.stored != .unknown
            entry.hear(.absent, from: origin, &effects, at: now)
            entry.quarantine = nil
            entry.differs = false
            guard wasStored else { return }
            entry.sawDeletion = true
            effects.lines.append((.warning, "\(key) was deleted in the backend; \(entry.used) stays in use"))
        }
    }

    /// Notes that what is stored cannot be understood.
    mutating func foundRubbish(
        _ reason: String,
        of key: ConfigKey,
        from origin: Origin,
        at now: TimeSource.Instant
    ) -> Effects? {
        if case .read(let lessons) = origin, self.entries[key]?.lessons != lessons { return nil }
        return self.change(key) { entry, effects in
            let reason = entry.item.isSecret ? ConfigItem.withheld : reason
            let isKnown = entry.stored == .undecodable(reason)
            entry.hear(.undecodable(reason), from: origin, &effects, at: now)
            guard !isKnown else { return }
            effects.lines.append(
                (.error, "what is stored under \(key) cannot be understood, \(entry.used) stays in use: \(reason)")
            )
        }
    }

    /// Notes that a watch delivered something after a deletion that was not told by itself.
    mutating func sawDeletion(of key: ConfigKey) {
        self.entries[key]?.sawDeletion = true
    }

    /// Notes that a key could not be reached or changed.
    mutating func failed(_ error: BackendError, of key: ConfigKey) {
        self.entries[key]?.lastError = error
    }

    /// Whether a failed sync of a key is worth telling, because it is another failure than the one before.
    mutating func tellsFailure(_ error: BackendError, of key: ConfigKey) -> Bool {
        defer { self.entries[key]?.toldFailure = error.code }
        return self.entries[key]?.toldFailure != error.code
    }

    /// Notes that the watch of a key broke.
    mutating func watchBroke(_ error: BackendError, of key: ConfigKey, at now: TimeSource.Instant) {
        self.counts.brokenWatches += 1
        self.entries[key]?.isWatched = false
        self.entries[key]?.watchBroke = true
        self.entries[key]?.lastError = error
        if self.entries[key]?.staleSince == nil { self.entries[key]?.staleSince = now }
    }

    /// Notes that the watches ended with the manager.
    mutating func ended(at now: TimeSource.Instant) {
        for key in self.entries.keys {
            self.entries[key]?.isWatched = false
            if self.entries[key]?.staleSince == nil { self.entries[key]?.staleSince = now }
        }
    }
}
