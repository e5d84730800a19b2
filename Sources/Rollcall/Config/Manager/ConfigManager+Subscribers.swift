import Synchronization

/// Telling the program what changed.
extension ConfigManager {
    /// Calls `body` with each edition that comes into force, until the subscription is cancelled.
    ///
    /// It is called when ``value(for:)`` returns the edition already, for one edition at a time, in order; a subscriber
    /// that is slow gets only the latest of each key, and delays no other. What it throws is logged with the key and
    /// harms nobody. Calls begin when ``run()`` runs; what the program brings or stores itself is no news, unless it
    /// came by ``refresh(_:)`` or ``rollBack(_:to:)``.
    ///
    /// - Parameters:
    ///   - keys: The keys of interest; all by default.
    ///   - body: Takes the key and what is in force. It is awaited when the manager ends.
    /// - Returns: The subscription, which lasts until it is cancelled or the manager ends.
    @discardableResult
    public func subscribe(
        to keys: [ConfigKey]? = nil,
        _ body: @escaping @Sendable (ConfigKey, ConfigEdition) async throws -> Void
    ) -> ConfigSubscription {
        self.addSubscriber(keys, wantsAll: false) { update in
            if let current = update.current { try await body(update.key, current) }
        }
    }

    /// Calls `body` with whatever changes about a key: also that it was deleted, refused or cannot be understood.
    ///
    /// In all else it is as ``subscribe(to:_:)``.
    ///
    /// - Parameters:
    ///   - keys: The keys of interest; all by default.
    ///   - body: Takes what is known now.
    /// - Returns: The subscription, which lasts until it is cancelled or the manager ends.
    @discardableResult
    public func observe(
        _ keys: [ConfigKey]? = nil,
        _ body: @escaping @Sendable (ConfigUpdate) async throws -> Void
    ) -> ConfigSubscription {
        self.addSubscriber(keys, wantsAll: true, body)
    }

    /// Reads what is known of keys, now and after each change, for as long as `body` runs.
    ///
    /// - Parameters:
    ///   - keys: The keys of interest; all by default.
    ///   - body: Reads the updates, the current state of each key first.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public func withUpdates<Value>(
        of keys: [ConfigKey]? = nil,
        _ body: (ConfigUpdates) async throws -> Value
    ) async rethrows -> Value {
        let (id, mailbox, _) = self.addReader(keys)
        defer { self.removeReader(id) }
        for key in (keys ?? self.keys) where self.keys.contains(key) { mailbox.offer(key, for: key) }
        if self.state.withLock({ $0.phase == .ended }) { mailbox.finish() }
        return try await body(ConfigUpdates(manager: self, mailbox: mailbox))
    }

    private func addSubscriber(
        _ keys: [ConfigKey]?,
        wantsAll: Bool,
        _ body: @escaping @Sendable (ConfigUpdate) async throws -> Void
    ) -> ConfigSubscription {
        let (id, mailbox, seen) = self.addReader(keys)
        let subscriber = ConfigSubscriber(id: id, mailbox: mailbox, seen: seen, wantsAll: wantsAll, body: body)
        self.newSubscriber.yield(subscriber)
        // After the end there is nothing to be told.
        if self.state.withLock({ $0.phase == .ended }) { self.removeReader(id) }
        return ConfigSubscription(manager: self, subscriber: subscriber)
    }

    private func addReader(_ keys: [ConfigKey]?) -> (id: UInt64, mailbox: ChangeMailbox, seen: [ConfigKey: ConfigSeen])
    {
        let mailbox = ChangeMailbox()
        let keys = Set(keys ?? self.keys)
        return self.state.withLock { state in
            state.nextReader += 1
            state.readers[state.nextReader] = Reader(keys: keys, mailbox: mailbox)
            let entries = state.machine.entries.filter { keys.contains($0.key) }
            return (state.nextReader, mailbox, entries.mapValues { ConfigSeen($0) })
        }
    }

    func removeReader(_ id: UInt64) {
        self.state.withLock { $0.readers.removeValue(forKey: id) }?.mailbox.finish()
    }

    /// What is known of a key, unless it was seen already.
    func news(of key: ConfigKey, since seen: ConfigSeen?, wantsAll: Bool) -> (ConfigUpdate, ConfigSeen)? {
        self.state.withLock { state in
            guard let entry = state.machine.entries[key] else { return nil }
            let mark = ConfigSeen(entry)
            guard wantsAll ? mark.change != seen?.change : mark.valueChange != seen?.valueChange else { return nil }
            let update = ConfigUpdate(
                key: key,
                current: entry.shown,
                stored: entry.stored,
                quarantine: entry.quarantine,
                isNewValue: mark.valueChange != seen?.valueChange
            )
            return (update, mark)
        }
    }

    /// Calls subscribers until the last has finished after the end.
    func serveSubscribers() async {
        await withDiscardingTaskGroup { group in
            for await subscriber in self.subscribers {
                group.addTask { await self.serve(subscriber) }
            }
        }
    }

    private func serve(_ subscriber: ConfigSubscriber) async {
        WorkGauge.enter()
        defer {
            WorkGauge.leave()
            self.removeReader(subscriber.id)
        }
        var seen = subscriber.seen
        while let key = try? await subscriber.mailbox.next(), !subscriber.isCancelled.isRaised {
            guard let (update, mark) = self.news(of: key, since: seen[key], wantsAll: subscriber.wantsAll) else {
                continue
            }
            seen[key] = mark
            self.state.withLock { $0.callsUnderWay += 1 }
            do {
                try await subscriber.body(update)
            } catch {
                self.state.withLock { $0.machine.counts.subscriberFailures += 1 }
                let reason = update.current?.isSecret == true ? ConfigItem.withheld : "\(error)"
                self.log(.error, "a subscriber failed with \(key): \(reason)")
            }
            self.state.withLock { $0.callsUnderWay -= 1 }
        }
    }
}

/// What a reader has seen of one key.
struct ConfigSeen: Hashable, Sendable {
    let change: UInt64
    let valueChange: UInt64

    init(_ entry: ConfigMachine.Entry) {
        self.change = entry.change
        self.valueChange = entry.valueChange
    }
}

/// One who is called when something changes.
final class ConfigSubscriber: Sendable {
    let id: UInt64
    let mailbox: ConfigManager.ChangeMailbox
    let seen: [ConfigKey: ConfigSeen]
    let wantsAll: Bool
    let isCancelled = Signal()
    let body: @Sendable (ConfigUpdate) async throws -> Void

    init(
        id: UInt64,
        mailbox: ConfigManager.ChangeMailbox,
        seen: [ConfigKey: ConfigSeen],
        wantsAll: Bool,
        body: @escaping @Sendable (ConfigUpdate) async throws -> Void
    ) {
        self.id = id
        self.mailbox = mailbox
        self.seen = seen
        self.wantsAll = wantsAll
        self.body = body
    }
}

/// The right to be told of changes, until it is cancelled.
public struct ConfigSubscription: Sendable {
    let manager: ConfigManager
    let subscriber: ConfigSubscriber

    /// Ends the subscription: no call begins after this, and one that has begun goes on.
    ///
    /// Calling again changes nothing.
    public func cancel() {
        self.subscriber.isCancelled.raise()
        self.manager.removeReader(self.subscriber.id)
    }
}
