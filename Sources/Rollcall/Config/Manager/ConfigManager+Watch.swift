import Synchronization

/// Following what others store.
extension ConfigManager {
    /// What a watch delivered: the latest state, and whether a deletion came before it that nobody has seen yet.
    private struct Delivery: Sendable {
        let state: ConfigState
        var followsDeletion = false
    }

    /// Watches a key until the task is cancelled.
    func follow(_ key: ConfigKey) async {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        // A validator may take its time, and a watch must not.
        let deliveries = KeyedMailbox<ConfigKey, Delivery> { new, old in
            Delivery(state: new.state, followsDeletion: old.followsDeletion || old.state == .absent)
        }
        await race {
            await self.watchForever(key) { deliveries.offer(Delivery(state: $0), for: key) }
        } _: {
            while let delivery = try? await deliveries.next() {
                if delivery.followsDeletion { self.state.withLock { $0.machine.sawDeletion(of: key) } }
                self.accept(delivery.state, of: key)
            }
        }
    }

    /// Opens a watch again and again, with pauses that grow while it fails at once.
    private func watchForever(_ key: ConfigKey, deliver: @escaping @Sendable (ConfigState) -> Void) async {
        let clock = self.configuration.clock
        var generator = SplitMix64()
        var attempt = 0
        while !Task.isCancelled {
            let began = clock.now
            do throws(BackendError) {
                try await self.backend.watch(key, deliver: deliver)
            } catch {
                guard !Task.isCancelled else { return }
                let now = clock.now
                let lasted = began.duration(to: now)
                // One that ran well for a while breaks as if for the first time.
                attempt = lasted > Backoff.background.cap ? 1 : attempt + 1
                self.state.withLock { $0.machine.watchBroke(error, of: key, at: now) }
                self.log(attempt == 1 ? .warning : .debug, "the watch of \(key) broke and is opened again: \(error)")
                let pause = Backoff.background.pause(before: attempt, using: &generator)
                // Somebody may correct the rights while the program runs; until then one attempt a minute is enough.
                let isRefused = error.code == .unauthenticated || error.code == .permissionDenied
                let least = isRefused ? .seconds(60) : error.retryAfter ?? .zero
                try? await clock.sleep(for: max(pause, least))
            }
        }
    }

    /// Takes what a watch delivered: it is used if it is good and newer, and nothing is stored (M-9.3).
    func accept(_ state: ConfigState, of key: ConfigKey) {
        let now = self.now
        switch state {
        case .absent:
            self.change(key) { $0.foundNothing(of: key, from: .watch, at: now) }
        case .undecodable(let reason):
            self.change(key) { $0.foundRubbish(reason, of: key, from: .watch, at: now) }
            self.useSaved(of: key)
        case .present(let stored):
            guard !self.isOwnWrite(stored, from: .watch),
                let entry = self.state.withLock({ $0.machine.entries[key] })
            else { return }
            self.judge(stored, entry, from: .watch)
        }
    }

    /// Whether what was found is on its way from this program, which then hears of it when the write returns.
    func isOwnWrite(_ stored: ConfigEntry, from origin: ConfigMachine.Origin) -> Bool {
        let now = self.now
        return self.change(stored.key) { machine in
            machine.isOwnWrite(stored) ? machine.foundOwnWrite(stored, from: origin, at: now) : nil
        }
    }

    /// Has the rules of a watch decide about what is stored.
    ///
    /// - Returns: False for a read that was overtaken.
    @discardableResult
    private func judge(
        _ stored: ConfigEntry,
        _ entry: ConfigMachine.Entry,
        from origin: ConfigMachine.Origin
    ) -> Bool {
        let (key, now) = (entry.item.key, self.now)
        var entry = entry
        while true {
            let own = ConfigRules.Own(edition: entry.own, sawDeletion: entry.sawDeletion, mayUpload: false)
            let ruling = ConfigRules(item: entry.item, now: now).judge(.present(stored), against: own)
            // The validator ran without the lock, and meanwhile a sync may have brought something newer.
            var isOutdated = false
            let happened = self.change(key) { machine in
                guard machine.entries[key]?.lessons == entry.lessons else {
                    isOutdated = true
                    return nil
                }
                return machine.apply(ruling, found: .present(version: stored.version), of: key, from: origin, at: now)
            }
            if happened, case .quarantine = ruling.action { self.useSaved(of: key) }
            guard isOutdated, case .watch = origin, let fresh = self.state.withLock({ $0.machine.entries[key] }) else {
                return happened
            }
            entry = fresh
        }
    }

    /// Compares all keys with the backend now and then, and takes what a watch has not told (M-9.3, user ask 20).
    func keepVerifying() async {
        var generator = SplitMix64()
        while !Task.isCancelled {
            let pause = self.configuration.verifyInterval * Double.random(in: 0.8...1.2, using: &generator)
            guard (try? await self.configuration.clock.sleep(for: pause)) != nil else { return }
            for key in self.keys where !Task.isCancelled { await self.verify(key) }
            self.copyRequests.offer((), for: true)
        }
    }

    private func verify(_ key: ConfigKey) async {
        guard let entry = self.state.withLock({ $0.machine.entries[key] }),
            let (finding, _) = try? await self.read(key, after: entry.lessons)
        else { return }
        let now = self.now
        let origin = ConfigMachine.Origin.read(after: entry.lessons)
        let isNews: Bool
        switch finding {
        case .absent: isNews = self.change(key) { $0.foundNothing(of: key, from: origin, at: now) }
        case .present(let stored):
            guard !self.isOwnWrite(stored, from: origin) else { return }
            isNews = self.judge(stored, entry, from: origin)
        }
        // Else the watch, or a write of the program's own, came before the read.
        guard isNews else { return }
        let hasChanged = self.state.withLock { state in
            // What was stored all along is no change, and a watch that is broken could tell nothing.
            guard entry.isWatched, let fresh = state.machine.entries[key], fresh.lessons == entry.lessons + 1,
                fresh.stored != entry.stored
            else { return false }
            state.machine.counts.missedChanges += 1
            return true
        }
        if hasChanged { self.log(.warning, "the watch of \(key) had missed a change, which a read showed") }
    }
}
