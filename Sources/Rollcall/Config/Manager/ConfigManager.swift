import Synchronization

/// Keeps configurations in step with a backend while the program runs.
///
/// A program brings a ``ConfigItem`` for each key and reads what is in force with ``value(for:)``, which never waits.
/// What is stored with a higher version takes the place of what is used, and what the program brings with a higher
/// version is stored. What its validator refuses is never used: the last good edition stays, also while the backend
/// is away, and ``status(of:)`` says so.
///
/// ```swift
/// let manager = ConfigManager(backend: backend, items: [ConfigItem(limits, ConfigContent("100"))])
/// try await withConfigManager(manager) { manager in
///     let subscription = manager.subscribe { key, edition in print(key, edition.version) }
///     defer { subscription.cancel() }
///     …
/// }
/// ```
public final class ConfigManager: Sendable {
    typealias ChangeMailbox = KeyedMailbox<ConfigKey, ConfigKey>

    struct State {
        enum Phase { case idle, running, ended }

        var phase = Phase.idle
        var machine: ConfigMachine
        /// Who is told that a key changed.
        var readers: [UInt64: Reader] = [:]
        var nextReader: UInt64 = 0
        /// How many calls of subscribers are under way.
        var callsUnderWay = 0
    }

    /// One who is told that a key changed.
    struct Reader {
        let keys: Set<ConfigKey>
        let mailbox: ChangeMailbox
    }

    /// The backend behind it.
    public let backend: any ConfigBackend
    /// The keys that it keeps, in order.
    public let keys: [ConfigKey]
    let configuration: ConfigManagerConfiguration
    let ownsBackend: Bool
    let log: Log
    let state: Mutex<State>
    let shutdown = Signal()
    let ready = Signal()
    let ended = Signal()
    /// Gives the word for a sync, and whether somebody asked for it.
    let syncRequests = KeyedMailbox<Bool, Bool> { new, old in new || old }
    /// Gives the word that the copy on the disk is out of date.
    let copyRequests = KeyedMailbox<Bool, Void>()
    let subscribers: AsyncStream<ConfigSubscriber>
    let newSubscriber: AsyncStream<ConfigSubscriber>.Continuation

    /// Creates a manager over a backend that somebody else runs.
    ///
    /// It does nothing until ``run()`` or ``sync()``.
    ///
    /// - Parameters:
    ///   - backend: Where configurations are stored. Whoever owns it runs it.
    ///   - items: What the program brings, one for each key; of several of one key the last counts.
    ///   - configuration: How to behave.
    public convenience init(
        backend: any ConfigBackend,
        items: [ConfigItem],
        configuration: ConfigManagerConfiguration = ConfigManagerConfiguration()
    ) {
        self.init(backend, items, configuration, ownsBackend: false)
    }

    /// Creates a manager that makes its backend, and runs it as long as it runs itself.
    ///
    /// - Parameters:
    ///   - keys: The keys to keep.
    ///   - items: What the program brings for them; a key without an item is only followed.
    ///   - configuration: How to behave.
    ///   - provider: Makes the backend.
    /// - Throws: `invalidArgument` for an item whose key is not among the keys; what the provider throws.
    public convenience init(
        keys: [ConfigKey],
        items: [ConfigItem] = [],
        configuration: ConfigManagerConfiguration = ConfigManagerConfiguration(),
        provider: () throws(BackendError) -> any ConfigBackend
    ) throws(BackendError) {
        let stranger = items.first { !keys.contains($0.key) }
        if let stranger {
            throw BackendError(.invalidArgument, "the item's key is not among the keys", key: stranger.key.text)
        }
        self.init(try provider(), keys.map { ConfigItem($0) } + items, configuration, ownsBackend: true)
    }

    private init(
        _ backend: any ConfigBackend,
        _ items: [ConfigItem],
        _ configuration: ConfigManagerConfiguration,
        ownsBackend: Bool
    ) {
        let now = configuration.clock.now
        let machine = ConfigMachine(items: items, historyLimit: configuration.historyLimit, at: now)
        self.backend = backend
        self.keys = machine.entries.keys.sorted()
        self.configuration = configuration
        self.ownsBackend = ownsBackend
        self.log = configuration.log.component("config")
        self.state = Mutex(State(machine: machine))
        (self.subscribers, self.newSubscriber) = AsyncStream.makeStream()
    }

    /// What is in force for a key, at once; `nil` for nothing yet, and for a key that is not kept.
    ///
    /// - Parameter key: The key.
    /// - Returns: The edition; ``status(of:)`` says how fresh it is.
    public func value(for key: ConfigKey) -> ConfigEdition? {
        self.state.withLock { $0.machine.inForce[key] }
    }

    /// How a key stands; `nil` for a key that is not kept.
    ///
    /// - Parameter key: The key.
    /// - Returns: What is used, where it came from and how old it is, and what the backend holds.
    public func status(of key: ConfigKey) -> ConfigStatus? {
        let now = self.now
        return self.state.withLock { $0.machine.entries[key]?.status(of: key, at: now) }
    }

    /// The editions of a key that were in force, newest first, as many as are remembered.
    ///
    /// - Parameter key: The key.
    /// - Returns: The editions; none for a key that is not kept.
    public func history(of key: ConfigKey) -> [ConfigEdition] {
        self.state.withLock { $0.machine.entries[key]?.history ?? [] }
    }

    /// Whether ``run()`` runs.
    public var isRunning: Bool { self.state.withLock { $0.phase == .running } }

    var now: TimeSource.Instant { self.configuration.clock.now }

    /// Changes what is known, and then does what follows from that.
    ///
    /// - Returns: False when the change did not take place.
    @discardableResult
    func change(_ key: ConfigKey, _ body: (inout ConfigMachine) -> ConfigMachine.Effects?) -> Bool {
        let (effects, mailboxes) = self.state.withLock { state in
            let effects = body(&state.machine)
            guard effects?.isVisible == true else { return (effects, [ChangeMailbox]()) }
            return (effects, state.readers.values.filter { $0.keys.contains(key) }.map(\.mailbox))
        }
        guard let effects else { return false }
        // Whoever is told finds the log written.
        for line in effects.lines { self.log(line.level, line.message) }
        for mailbox in mailboxes { mailbox.offer(key, for: key) }
        if effects.outdatesCopy { self.copyRequests.offer((), for: true) }
        if effects.needsSync { self.syncRequests.offer(false, for: true) }
        return true
    }
}

extension ConfigMachine.Entry {
    fileprivate func status(of key: ConfigKey, at now: TimeSource.Instant) -> ConfigStatus {
        ConfigStatus(
            key: key,
            current: self.shown,
            source: self.source(at: now),
            freshness: self.staleSince.map { .stale(since: $0) } ?? .live,
            age: self.confirmedAt.map { $0.duration(to: now) },
            stored: self.stored,
            quarantine: self.quarantine,
            differs: self.differs,
            lastError: self.lastError
        )
    }

    private func source(at now: TimeSource.Instant) -> ConfigStatus.Source {
        switch self.shown?.source {
        case nil: .none
        case .local: .local
        case .remote: .remote
        case .rollback: .rollback
        case .file: .file(age: self.saved.map { $0.asOf.duration(to: now) } ?? .zero)
        }
    }
}
