/// What this program itself does to a key.
extension ConfigMachine {
    /// Notes that a content is on its way to the backend.
    mutating func writing(_ draft: ConfigDraft, to key: ConfigKey) {
        self.entries[key]?.pending.append(draft)
    }

    /// Notes that a write ended without success.
    mutating func failedToWrite(_ draft: ConfigDraft, to key: ConfigKey, _ error: BackendError) {
        self.entries[key]?.remove(draft)
        if error.code != .conflict { self.entries[key]?.lastError = error }
        // The answer may have been lost behind a write that was carried out.
        if error.applied == .unknown { self.oweSync() }
    }

    /// Whether an entry is what this program is writing just now.
    func isOwnWrite(_ stored: ConfigEntry) -> Bool {
        self.entries[stored.key]?.pending.contains { draft in
            draft.content.bytes == stored.content.bytes && draft.version ?? stored.version == stored.version
        } ?? false
    }

    /// Notes what the backend stored for this program.
    ///
    /// - Parameters:
    ///   - stored: What it stored.
    ///   - draft: What it was given.
    ///   - source: `local` for what the program has, which is no news for subscribers; `rollback` for an earlier
    ///     edition, which is.
    ///   - now: The present moment.
    /// - Returns: What the owner has to do.
    mutating func wrote(
        _ stored: ConfigEntry,
        for draft: ConfigDraft,
        from source: ConfigSource,
        at now: TimeSource.Instant
    ) -> Effects {
        self.counts.uploads += 1
        return self.change(stored.key, isTold: source == .rollback) { entry, effects in
            entry.remove(draft)
            entry.lessons += 1
            entry.lastError = nil
            // Somebody wrote after us, and their edition arrived first.
            guard entry.own.map({ $0.version <= stored.version }) ?? true || entry.sawDeletion else { return }
            let edition = ConfigEdition(stored, from: source, at: now, isSecret: entry.item.isSecret)
            entry.stored = .present(version: stored.version)
            entry.confirmedAt = now
            entry.staleSince = entry.isWatched ? nil : now
            if source == .local, let first = entry.history.first, first.content == edition.content,
                first.source == .local
            {
                entry.history.removeFirst()
            }
            entry.remember(edition)
            entry.own = edition
            entry.settle(edition)
            let what = source == .rollback ? "brought back as" : "stored as"
            effects.lines.append((.info, "\(stored.key) was \(what) version \(stored.version)"))
        }
    }

    /// Replaces what the program brings.
    mutating func refresh(_ item: ConfigItem, at now: TimeSource.Instant) -> Effects {
        self.change(item.key) { entry, _ in
            var item = item
            item.validate = item.validate ?? entry.item.validate
            item.isSecret = item.isSecret || entry.item.isSecret
            entry.item = item
            entry.lessons += 1
            entry.own = item.edition(at: now)
            (entry.saved, entry.usesSaved, entry.sawDeletion, entry.differs) = (nil, false, false, false)
            if let own = entry.own { entry.remember(own) }
        }
    }

    /// Takes what the disk says of a key that the backend has not answered for.
    mutating func restore(_ saved: Saved) {
        guard self.entries[saved.edition.key]?.confirmed == nil else { return }
        self.entries[saved.edition.key]?.saved = saved
    }

    /// What the disk says of a key, if that is better than anything else that there is to use.
    func savedToUse(of key: ConfigKey) -> Saved? {
        guard let entry = self.entries[key], let saved = entry.saved, !entry.usesSaved, entry.confirmed == nil,
            saved.edition.version > entry.own?.version ?? -1
        else { return nil }
        switch entry.stored {
        case .unknown, .undecodable: return saved
        case .present: return entry.quarantine == nil ? nil : saved
        case .absent: return nil
        }
    }

    /// Uses what the disk says of a key.
    mutating func useSaved(_ saved: Saved, at now: TimeSource.Instant) -> Effects {
        self.change(saved.edition.key) { entry, effects in
            guard entry.saved == saved, entry.confirmed == nil, !entry.usesSaved else { return }
            entry.usesSaved = true
            entry.remember(saved.edition)
            let age = saved.asOf.duration(to: now).text
            effects.lines.append(
                (
                    .warning,
                    "the backend gives nothing to use for \(saved.edition.key): version \(saved.edition.version) is"
                        + " taken from the disk, as it was \(age) ago"
                )
            )
        }
    }
}
