import HTTPEngine
import Rollcall
import Synchronization

/// What all requests to a hub in front of an engine share.
final class FrontHub: Sendable {
    /// Opens the engine's client for a namespace.
    typealias Opener = @Sendable (Namespace) throws(BackendError) -> any RegistryBackend

    private struct Place {
        let space: FrontSpace
        var users = 0
        var lastUse: TimeSource.Instant
    }

    /// The most namespaces at once, as each has a client of the engine.
    static let maximumSpaces = 256
    /// After how long without use a namespace's client is closed.
    static let idleLimit = Duration.seconds(300)

    let epoch = RandomText.hexadecimal(words: 1)
    let feed: HubFeed
    let configFeed = ConfigFeed()
    let key: SealingKey
    let linger: Duration
    let clock: TimeSource
    let log: Log
    private let open: Opener
    private let jobs = JobQueue()
    private let places = Mutex<[Namespace: Place]>([:])

    /// Creates a hub, and the client of the namespace `default`.
    ///
    /// - Throws: What the opener throws.
    init(
        key: SealingKey,
        linger: Duration,
        clock: TimeSource,
        log: Log,
        open: @escaping Opener
    ) throws(BackendError) {
        self.feed = HubFeed(epoch: self.epoch)
        self.key = key
        self.linger = linger
        self.clock = clock
        self.log = log
        self.open = open
        let space = FrontSpace(engine: try open(.default), namespace: .default, hub: self)
        self.places.withLock { $0[.default] = Place(space: space, lastUse: clock.now) }
    }

    /// The namespaces that have a client now.
    var spaces: [FrontSpace] { self.places.withLock { $0.values.map(\.space) } }

    /// What the engine said of itself last.
    var health: BackendHealth? { self.first?.health }

    /// The namespace that is always open.
    var first: FrontSpace? { self.places.withLock { $0[.default]?.space } }

    /// Uses a namespace, which is kept open as long.
    ///
    /// - Parameters:
    ///   - namespace: The namespace.
    ///   - body: Uses it.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws; `unavailable` when too many namespaces are in use.
    func using<Value>(_ namespace: Namespace, _ body: (FrontSpace) async throws -> Value) async throws -> Value {
        let space = try self.enter(namespace)
        defer {
            self.places.withLock { places in
                guard places[namespace]?.space === space else { return }
                places[namespace]?.users -= 1
                places[namespace]?.lastUse = self.clock.now
            }
        }
        return try await body(space)
    }

    /// Runs the clients of all namespaces until the task is cancelled.
    func run() async {
        let first = self.places.withLock { $0[.default]?.space }
        if let first { self.jobs.add { await first.run() } }
        await race {
            await self.jobs.run()
        } _: {
            while (try? await self.clock.sleep(for: .seconds(30))) != nil { self.closeIdle() }
        }
    }

    /// Counts a user of a namespace, and opens its client for the first.
    private func enter(_ namespace: Namespace) throws(BackendError) -> FrontSpace {
        if let space = try self.known(namespace) { return space }
        let fresh = FrontSpace(engine: try self.open(namespace), namespace: namespace, hub: self)
        let now = self.clock.now
        let space = self.places.withLock { places in
            // Somebody else may have been quicker.
            places[namespace, default: Place(space: fresh, lastUse: now)].users += 1
            return places[namespace]?.space ?? fresh
        }
        if space === fresh, namespace != .default { self.jobs.add { await fresh.run() } }
        return space
    }

    private func known(_ namespace: Namespace) throws(BackendError) -> FrontSpace? {
        let (space, ended) = try self.places.withLock { places throws(BackendError) -> (FrontSpace?, FrontSpace?) in
            if let space = places[namespace]?.space {
                places[namespace]?.users += 1
                return (space, nil)
            }
            guard places.count >= Self.maximumSpaces else { return (nil, nil) }
            // The one that nobody has used for longest makes room.
            let unused = places.filter { $0.key != .default && $0.value.users == 0 && $0.value.space.isIdle }
            guard let oldest = unused.min(by: { $0.value.lastUse < $1.value.lastUse }) else {
                var error = BackendError(
                    .unavailable,
                    "\(Self.maximumSpaces) namespaces are in use, the most at once"
                )
                error.limit = Self.maximumSpaces
                throw error
            }
            places[oldest.key] = nil
            return (nil, oldest.value.space)
        }
        ended?.stop.raise()
        return space
    }

    private func closeIdle() {
        let now = self.clock.now
        let idle = self.places.withLock { places in
            let idle = places.filter { namespace, place in
                namespace != .default && place.users == 0 && place.space.isIdle
                    && place.lastUse.duration(to: now) > Self.idleLimit
            }
            for namespace in idle.keys { places[namespace] = nil }
            return idle.values.map(\.space)
        }
        for space in idle { space.stop.raise() }
    }
}
