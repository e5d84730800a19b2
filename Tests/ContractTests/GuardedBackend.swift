import Rollcall
import RollcallTesting
import Synchronization

/// A backend that is seen through a discovery with its guards on: what is registered goes to the backend itself, what is
/// read and watched comes out of the discovery's view, as callers have it.
final class GuardedBackend: ForwardingBackend {
    /// How long a view may lag behind its registry before a look at it fails.
    private static let patience = Duration.seconds(20)
    /// How long a registration waits for a first view, which does not come while the registry is away.
    private static let moment = Duration.milliseconds(200)

    let base: any RegistryBackend
    private let discovery: Discovery
    private let neighbours: Neighbours

    /// All clients of one server, each of which has seen a service before somebody registers with it, so that its guard has
    /// something to lose.
    final class Neighbours: Sendable {
        private let backends = Mutex<[GuardedBackend]>([])

        func add(_ backend: GuardedBackend) { self.backends.withLock { $0.append(backend) } }

        func observe(_ service: ServiceName) async {
            for backend in self.backends.withLock({ $0 }) { await backend.observe(service) }
        }
    }

    init(_ base: any RegistryBackend, configuration: DiscoveryConfiguration, neighbours: Neighbours) {
        self.base = base
        self.discovery = Discovery(backend: base, configuration: configuration)
        self.neighbours = neighbours
        neighbours.add(self)
    }

    func run() async throws(BackendError) {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await self.base.run() }
            group.addTask { try? await self.discovery.run() }
        }
    }

    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        await self.neighbours.observe(instance.service)
        return try await self.base.register(instance, ttl: ttl)
    }

    /// The view, once it has caught up with what the registry itself answers: but for those that are held, both are the
    /// same.
    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        // Whoever cannot be asked says so, whatever was known of it.
        let read = try await self.base.instances(of: service)
        return try await withDeadline(Self.patience, clock: TimeSource()) { () async throws(BackendError) in
            try await self.following(service, from: read.instances) { $0 }
        }
    }

    /// A watch begins with the state of now, also where the view has just begun; or with what is known, where the registry
    /// cannot be asked.
    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let read = try? await self.base.instances(of: service)
        let end: BackendError = try await self.following(service, from: read?.instances) { snapshot in
            deliver(snapshot)
            return nil
        }
        throw end
    }

    private func observe(_ service: ServiceName) async {
        _ = try? await self.discovery.snapshot(of: service, within: Self.moment)
    }

    /// Gives `take` what the discovery shows from the moment on in which that is what the registry answers.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - read: What the registry answered; with `nil` the first view is good enough.
    ///   - take: Returns what ends it, or `nil` to go on.
    /// - Returns: What `take` returned.
    /// - Throws: `cancelled`, or `closed` when the discovery ended.
    private func following<Value: Sendable>(
        _ service: ServiceName,
        from read: [ServiceInstance]?,
        _ take: (ServiceSnapshot) -> Value?
    ) async throws(BackendError) -> Value {
        do {
            return try await self.discovery.withUpdates(of: service) { updates in
                var awaited = read
                for try await snapshot in updates {
                    if let former = awaited, snapshot.registered != former {
                        // The registry may have changed since.
                        awaited = (try? await self.base.instances(of: service))?.instances
                        if let awaited, snapshot.registered != awaited { continue }
                    }
                    awaited = nil
                    if let value = take(snapshot) { return value }
                }
                throw BackendError(.closed, "the discovery ended")
            }
        } catch let error as BackendError {
            throw error
        } catch {
            throw BackendError(.cancelled, "the task was cancelled", cause: error)
        }
    }
}

extension ServiceSnapshot {
    /// Those that the registry has, without those that are held.
    fileprivate var registered: [ServiceInstance] { self.instances.filter { !self.held.contains($0.id) } }
}
