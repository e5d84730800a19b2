import HTTPEngine
import Rollcall
import Synchronization

/// The services of one namespace of an engine, as streams of this hub are told of them.
final class FrontRegistry: HubStreamSource {
    /// How long an engine may take to tell the first state of what a client wants to follow.
    static let patience = Duration.seconds(5)

    typealias ServiceWatches = SharedWatches<ServiceName, ServiceSnapshot>
    typealias NameWatches = SharedWatches<Namespace, [ServiceName]>

    /// What a stream or poll follows; ``FrontRegistry/release(_:)`` must come after it.
    struct Interest: Sendable {
        fileprivate var services: [ServiceWatches.Hold] = []
        fileprivate var names: NameWatches.Hold?
        fileprivate var patterns: [ServicePattern] = []
    }

    let engine: any RegistryBackend
    private let board: FrontBoard
    private let clock: TimeSource
    private let services: ServiceWatches
    private let names: NameWatches
    private let keeper: PatternKeeper
    private let summaries: SharedRead<[ServiceSummary]>
    private let broken: BrokenWatches

    /// Creates a view of an engine that nobody follows yet.
    ///
    /// - Parameters:
    ///   - engine: The engine, which is of the board's namespace.
    ///   - board: Where its services are shown.
    ///   - jobs: Runs watches.
    ///   - clock: Measures time.
    ///   - linger: How long a watch goes on that nobody follows.
    ///   - doubt: Is called when a watch may have lost its engine.
    init(
        engine: any RegistryBackend,
        board: FrontBoard,
        jobs: JobQueue,
        clock: TimeSource,
        linger: Duration,
        doubt: @escaping @Sendable () -> Void
    ) {
        self.engine = engine
        self.board = board
        self.clock = clock
        let broken = BrokenWatches()
        let services = ServiceWatches(jobs: jobs, clock: clock, linger: linger) {
            (service, deliver) throws(BackendError) in
            defer { broken.remove(service) }
            try await engine.watch(service) { snapshot in
                guard snapshot.freshness == .live else {
                    broken.add(service, at: clock.now)
                    return doubt()
                }
                broken.remove(service)
                deliver(snapshot)
            }
        } changed: { _, snapshot in
            board.tell(snapshot)
        } failed: { _, _ in
            board.feed.end(board.namespace)
        }
        let keeper = PatternKeeper(watches: services)
        let summaries = SharedRead<[ServiceSummary]>()
        self.names = NameWatches(jobs: jobs, clock: clock, linger: linger) { (_, deliver) throws(BackendError) in
            try await engine.watchServices(deliver: deliver)
        } changed: { _, names in
            keeper.take(names)
            summaries.invalidate()
            board.feed.publishNames(in: board.namespace)
        } failed: { _, _ in
            board.feed.end(board.namespace)
        }
        self.broken = broken
        self.services = services
        self.keeper = keeper
        self.summaries = summaries
    }

    var epoch: String { self.board.epoch }
    var feed: HubFeed { self.board.feed }

    /// How many services are watched.
    var watchCount: Int { self.services.count }

    /// Reads the instances of a service from the engine, with the revision that they have here.
    func instances(of service: ServiceName) async throws(BackendError) -> (
        instances: [ServiceInstance], revision: UInt64
    ) {
        let snapshot = try await self.engine.instances(of: service)
        return (snapshot.instances, self.board.read(snapshot))
    }

    /// Reads the services with their counts from the engine, with the revision that the list has here.
    func list() async throws(BackendError) -> (services: [ServiceSummary], revision: UInt64) {
        let services = try await self.engine.services()
        return (services, self.board.read(list: ServiceSummary.json(services)))
    }

    /// What streams were told of a service.
    func snapshot(of service: ServiceName, in namespace: Namespace) -> EncodedSnapshot {
        self.board.snapshot(of: service)
    }

    /// The services that there are, as streams are told.
    func names(in namespace: Namespace) -> [ServiceName] { self.keeper.names }

    /// The services with their counts, read once a second for all streams.
    func services(in namespace: Namespace) async throws(BackendError) -> [ServiceSummary] {
        try await self.summaries.value(at: self.clock.now) { [engine] () throws(BackendError) in
            try await engine.services()
        }
    }

    /// Follows services until ``release(_:)``; the state of each is known when this returns.
    ///
    /// - Parameters:
    ///   - patterns: Which services.
    ///   - wantsNames: Whether it is about which services there are, too.
    /// - Returns: What is followed.
    /// - Throws: `unavailable` when the engine does not tell in time; what ended a watch.
    func follow(_ patterns: [ServicePattern], wantsNames: Bool) async throws(BackendError) -> Interest {
        var interest = Interest()
        do throws(BackendError) {
            for service in patterns.compactMap(\.service) { interest.services.append(try self.services.hold(service)) }
            let others = patterns.filter { $0.service == nil }
            if wantsNames || !others.isEmpty { interest.names = try self.names.hold(self.board.namespace) }
            for pattern in others {
                self.keeper.add(pattern)
                interest.patterns.append(pattern)
            }
            if let names = interest.names { try await self.names.awaitStates([names], within: Self.patience) }
            let covered = others.flatMap { self.keeper.holds(under: $0) }
            try await self.services.awaitStates(interest.services + covered, within: Self.patience)
        } catch {
            self.release(interest)
            throw error
        }
        return interest
    }

    /// Checks that what is followed is still told.
    ///
    /// - Throws: What ended a watch.
    func check(_ interest: Interest) throws(BackendError) {
        try self.services.check(interest.services + interest.patterns.flatMap { self.keeper.holds(under: $0) })
        try self.names.check(interest.names.map { [$0] } ?? [])
    }

    /// Follows no longer.
    func release(_ interest: Interest) {
        for hold in interest.services { self.services.release(hold) }
        for pattern in interest.patterns { self.keeper.remove(pattern) }
        if let names = interest.names { self.names.release(names) }
    }

    /// Ends what is followed, and the streams: their clients come back, or go to another hub.
    func endAll(_ error: BackendError) {
        self.keeper.reset()
        self.services.endAll(error)
        self.names.endAll(error)
        self.board.feed.end(self.board.namespace)
    }

    /// Forgets in time what nobody uses, and ends what is not told any more; to be called each 10 s or so.
    ///
    /// A watch that stays broken would leave its streams with what was true once, though the engine is well otherwise.
    func tidy() {
        self.board.age { self.services.state(of: $0) == nil }
        for service in self.broken.since(self.clock.now.advanced(by: .zero - Self.patience)) {
            let error = BackendError(.unavailable, "the engine's watch of \(service) is broken", key: service.text)
            self.services.end(service, error)
        }
    }
}

/// The services whose watch the engine has broken, and since when.
private final class BrokenWatches: Sendable {
    private let services = Mutex<[ServiceName: TimeSource.Instant]>([:])

    func add(_ service: ServiceName, at moment: TimeSource.Instant) {
        self.services.withLock { $0[service] = $0[service] ?? moment }
    }

    func remove(_ service: ServiceName) { self.services.withLock { _ = $0.removeValue(forKey: service) } }

    /// Those that have been broken since a moment or longer.
    func since(_ moment: TimeSource.Instant) -> [ServiceName] {
        self.services.withLock { $0.filter { $0.value <= moment }.map(\.key) }
    }
}
