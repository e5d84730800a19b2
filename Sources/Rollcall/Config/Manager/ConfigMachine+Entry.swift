/// What happens to one key.
extension ConfigMachine.Entry {
    /// Remembers an edition that came into use.
    mutating func remember(_ edition: ConfigEdition) {
        self.history.insert(edition, at: 0)
        if self.history.count > self.historyLimit { self.history.removeLast() }
    }

    mutating func hear(
        _ stored: ConfigStored,
        from origin: ConfigMachine.Origin,
        _ effects: inout ConfigMachine.Effects,
        at now: TimeSource.Instant
    ) {
        self.lessons += 1
        self.stored = stored
        self.lastError = nil
        self.toldFailure = nil
        self.confirmedAt = now
        if case .watch = origin {
            self.isWatched = true
            // What was missed is made up for by this; what the program has to store is not.
            effects.needsSync = self.watchBroke
            self.watchBroke = false
        }
        self.staleSince = self.isWatched ? nil : now
    }

    mutating func adopt(_ edition: ConfigEdition, _ effects: inout ConfigMachine.Effects) {
        self.own = edition
        self.settle(edition)
        self.remember(edition)
        effects.lines.append((.info, "\(edition.key) is now version \(edition.version), from the backend"))
    }

    mutating func keep(_ edition: ConfigEdition, isSame: Bool, _ effects: inout ConfigMachine.Effects) {
        let wasDifferent = self.differs
        // Where both are the same edition, the program's own is what the backend holds.
        self.settle(isSame ? self.own : self.confirmed)
        self.differs = !isSame
        guard !isSame, !wasDifferent else { return }
        effects.lines.append(
            (
                .warning,
                "\(edition.key) has version \(edition.version) here and in the backend, with different contents:"
                    + " give one of them a higher version"
            )
        )
    }

    mutating func quarantine(
        _ edition: ConfigEdition,
        _ reason: String,
        _ effects: inout ConfigMachine.Effects,
        at now: TimeSource.Instant
    ) {
        if let present = self.quarantine, present.edition.isSame(as: edition), present.reason == reason { return }
        self.quarantine = ConfigQuarantine(edition: edition, reason: reason, since: now)
        effects.lines.append(
            (.error, "version \(edition.version) of \(edition.key) is refused, \(self.used) stays in use: \(reason)")
        )
    }

    /// Forgets a write that has ended; another one of the same may be under way.
    mutating func remove(_ draft: ConfigDraft) {
        if let index = self.pending.firstIndex(of: draft) { self.pending.remove(at: index) }
    }

    /// What is used, for a log line.
    var used: String {
        guard let shown = self.shown else { return "nothing" }
        return shown.version > 0 ? "version \(shown.version)" : "what the program brings"
    }

    /// Notes that the backend holds a good edition, after which the disk has nothing to say.
    mutating func settle(_ edition: ConfigEdition?) {
        self.confirmed = edition
        self.saved = nil
        self.usesSaved = false
        self.quarantine = nil
        self.differs = false
        self.sawDeletion = false
    }
}
