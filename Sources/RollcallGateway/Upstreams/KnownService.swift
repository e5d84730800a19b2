import HTTPEngine
import Rollcall
import Synchronization

/// A service that had instances at some time, shared by all loops.
final class KnownService: Sendable {
    /// Its name.
    let name: ServiceName
    private let threshold: Int
    private let upstreams = Mutex<[Upstream.Key: Upstream]>([:])

    /// Creates a service of which no instance is known yet.
    ///
    /// - Parameters:
    ///   - name: Its name.
    ///   - threshold: After how many failed connects in a row an instance is left out.
    init(_ name: ServiceName, threshold: Int) {
        self.name = name
        self.threshold = threshold
    }

    /// What is known of an instance.
    func upstream(_ key: Upstream.Key) -> Upstream {
        self.upstreams.withLock { upstreams in
            if let upstream = upstreams[key] { return upstream }
            let upstream = Upstream(key, threshold: self.threshold)
            upstreams[key] = upstream
            return upstream
        }
    }

    /// Forgets all instances but these.
    func keep(_ instances: [ServiceInstance]) {
        let keys = Set(instances.compactMap(Upstream.Key.init))
        self.upstreams.withLock { $0 = $0.filter { keys.contains($0.key) } }
    }
}

/// An instance with the connections of one loop to it.
final class Lane: Sendable {
    /// The instance.
    let upstream: Upstream
    /// The loop's connections to it.
    let pool: OriginPool

    /// Creates a lane without connections.
    init(_ upstream: Upstream, on loop: EventLoop) {
        self.upstream = upstream
        self.pool = OriginPool(origin: upstream.origin, loop: loop)
    }
}

/// A service as one loop sees it: the lanes to its instances.
final class LoopService: Sendable {
    private struct Entry {
        /// Held, so that its identity is not given to another one.
        let instance: ServiceInstance
        /// `nil` for an instance that the gateway cannot talk to.
        let lane: Lane?
    }

    /// The service.
    let service: KnownService
    private let loop: EventLoop
    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    /// Creates a service without lanes.
    init(_ service: KnownService, on loop: EventLoop) {
        self.service = service
        self.loop = loop
    }

    /// The lane to an instance, or `nil` when the gateway cannot talk to it.
    func lane(to instance: ServiceInstance) -> Lane? {
        self.entries.withLock { entries in
            if let entry = entries[instance.identity] { return entry.lane }
            let lane = Upstream.Key(instance).map { key in
                let upstream = self.service.upstream(key)
                // The same instance may come again as another value, such as after a reconnect of the registry.
                let former = entries.values.first { $0.lane?.upstream === upstream }
                return former?.lane ?? Lane(upstream, on: self.loop)
            }
            entries[instance.identity] = Entry(instance: instance, lane: lane)
            return lane
        }
    }

    /// Forgets all instances but these, and closes what rested for too long.
    func keep(_ instances: [ServiceInstance], at now: TimeSource.Instant) {
        let identities = Set(instances.map(\.identity))
        let (gone, kept) = self.entries.withLock { entries in
            let gone = entries.filter { !identities.contains($0.key) }.compactMap(\.value.lane)
            entries = entries.filter { identities.contains($0.key) }
            return (gone, entries.values.compactMap(\.lane))
        }
        for lane in gone where !kept.contains(where: { $0 === lane }) { lane.pool.closeResting() }
        for lane in kept { lane.pool.closeOld(at: now) }
    }

    /// Closes what rests.
    func closeResting() {
        for entry in self.entries.withLock({ Array($0.values) }) { entry.lane?.pool.closeResting() }
    }
}
