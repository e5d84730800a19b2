import Rollcall

/// The configuration of one namespace of an engine, as streams of this hub are told of it.
final class FrontConfig: ConfigStreamSource {
    typealias Watches = SharedWatches<ConfigKey, ConfigState>

    let epoch: String
    let feed: ConfigFeed
    let engine: any ConfigBackend
    private let namespace: Namespace
    private let watches: Watches

    /// Creates a view of an engine that nobody follows yet.
    init(
        engine: any ConfigBackend,
        namespace: Namespace,
        feed: ConfigFeed,
        epoch: String,
        jobs: JobQueue,
        clock: TimeSource,
        linger: Duration
    ) {
        self.engine = engine
        self.namespace = namespace
        self.feed = feed
        self.epoch = epoch
        self.watches = Watches(jobs: jobs, clock: clock, linger: linger) { (key, deliver) throws(BackendError) in
            try await engine.watch(key, deliver: deliver)
        } changed: { key, _ in
            feed.publish(ConfigTable.Place(namespace: namespace, key: key))
        } failed: { _, _ in
            feed.end(namespace)
        }
    }

    func state(of key: ConfigKey) throws(BackendError) -> ConfigState {
        // That nothing is known is not that nothing is there.
        guard let state = self.watches.state(of: key) else {
            throw BackendError(.unavailable, "the watch of the engine ended", key: key.text)
        }
        return state
    }

    /// None: a stream of an engine is of single keys.
    func keys(under prefix: String) -> [ConfigKey] { [] }

    /// Follows keys until ``release(_:)``; the state of each is known when this returns.
    ///
    /// - Throws: `unavailable` when the engine does not tell in time; what ended a watch.
    func follow(_ keys: Set<ConfigKey>) async throws(BackendError) -> [Watches.Hold] {
        var holds: [Watches.Hold] = []
        do throws(BackendError) {
            for key in keys { holds.append(try self.watches.hold(key)) }
            try await self.watches.awaitStates(holds, within: FrontRegistry.patience)
        } catch {
            self.release(holds)
            throw error
        }
        return holds
    }

    /// Checks that what is followed is still told.
    ///
    /// - Throws: What ended a watch.
    func check(_ holds: [Watches.Hold]) throws(BackendError) { try self.watches.check(holds) }

    /// Follows no longer.
    func release(_ holds: [Watches.Hold]) {
        for hold in holds { self.watches.release(hold) }
    }

    /// Ends what is followed, and the streams.
    func endAll(_ error: BackendError) {
        self.watches.endAll(error)
        self.feed.end(self.namespace)
    }
}
