import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A backend within the process: for tests, and for programs whose parts share one process.
///
/// It keeps every line of the contract. Records last as long as its ``MemoryRegistry``; leases end in time while the
/// `run()` of any backend of that registry runs.
public final class MemoryBackend: RegistryBackend {
    static let name = "memory"

    /// The kind of backend.
    public var name: String { Self.name }
    /// What this backend does differently where the contract leaves room.
    public let capabilities = BackendCapabilities(
        ttl: .milliseconds(100)...(.seconds(86400)),
        expirySlack: .milliseconds(500),
        knowsDepartureReason: true,
        remembersRemoval: true
    )

    let registry: MemoryRegistry
    let namespace: Namespace
    private let isRunning = Atomic(false)

    /// Creates a client of a registry.
    ///
    /// - Parameters:
    ///   - registry: The registry; by default one of its own.
    ///   - namespace: The namespace that all calls mean.
    public init(registry: MemoryRegistry = MemoryRegistry(), namespace: Namespace = .default) {
        self.registry = registry
        self.namespace = namespace
    }

    /// See ``Backend/run()``.
    public func run() async throws(BackendError) {
        guard !self.isRunning.exchange(true, ordering: .sequentiallyConsistent) else {
            throw BackendError(.alreadyRunning, "run() of this backend runs already", backend: self.name)
        }
        defer { self.isRunning.store(false, ordering: .sequentiallyConsistent) }
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        await self.registry.sweep()
    }

    /// See ``Backend/health()``.
    public func health() async -> BackendHealth {
        let start = self.registry.clock.now
        do throws(BackendError) {
            try self.perform("health", key: nil) { _ throws(BackendError) in ((), nil) }
            return BackendHealth(
                isReachable: true,
                latency: start.duration(to: self.registry.clock.now),
                memberCount: 1,
                canRead: true,
                canWrite: true
            )
        } catch {
            return BackendHealth(unreachable: error)
        }
    }

    /// See ``RegistryBackend/register(_:ttl:)``.
    public func register(
        _ instance: ServiceInstance,
        ttl: Duration
    ) async throws(BackendError) -> any InstanceLease {
        let token = LeaseToken(
            service: instance.service,
            id: instance.id,
            secret: RandomText.hexadecimal(words: 2)
        )
        let granted = min(max(ttl, self.capabilities.ttl.lowerBound), self.capabilities.ttl.upperBound)
        let now = self.registry.clock.now
        try self.perform("register", key: instance.id.text) { table throws(BackendError) in
            let change = table.register(
                instance,
                in: self.namespace,
                proof: LeaseProof(token.secret),
                ttl: granted,
                at: now,
                date: Date()
            )
            return ((), change)
        }
        return MemoryLease(backend: self, token: token, ttl: granted)
    }

    /// See ``RegistryBackend/instances(of:)``.
    public func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        let place = RegistryTable.Place(namespace: self.namespace, service: service)
        let instances = try self.perform("instances", key: service.text) { table throws(BackendError) in
            (table.instances(at: place), nil)
        }
        return ServiceSnapshot(service: service, instances: instances, revision: 1, source: self.name)
    }

    /// See ``RegistryBackend/watch(_:deliver:)``.
    public func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let place = RegistryTable.Place(namespace: self.namespace, service: service)
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        try await self.registry.watch(place, deliver: deliver)
    }

    /// See ``RegistryBackend/services()``.
    public func services() async throws(BackendError) -> [ServiceSummary] {
        try self.perform("services", key: nil) { table throws(BackendError) in
            (table.summaries(of: self.namespace), nil)
        }
    }

    /// See ``RegistryBackend/watchServices(deliver:)``.
    public func watchServices(
        deliver: @escaping @Sendable ([ServiceName]) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        try await self.registry.watchNames(self.namespace, deliver: deliver)
    }

    /// See ``RegistryBackend/amend(_:id:_:)``.
    public func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        try self.perform("amend", key: "\(service)/\(id)") { table throws(BackendError) in
            try table.amend(service, id: id, change, in: self.namespace)
        }
    }

    /// See ``RegistryBackend/remove(_:id:)``.
    public func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        let now = self.registry.clock.now
        try self.perform("remove", key: "\(service)/\(id)") { table throws(BackendError) in
            ((), table.remove(service, id: id, in: self.namespace, at: now))
        }
    }

    /// See ``RegistryBackend/lease(resuming:)``.
    public func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        let ttl = try self.perform("resume", key: token.id.text) { table throws(BackendError) in
            (try table.ttl(token.service, id: token.id, proof: LeaseProof(token.secret), in: self.namespace), nil)
        }
        return MemoryLease(backend: self, token: token, ttl: ttl)
    }

    /// Runs an operation and puts into its errors where they happened.
    ///
    /// Throws `cancelled` in a cancelled task.
    func perform<Value: Sendable>(
        _ operation: String,
        key: String?,
        _ body: (inout RegistryTable) throws(BackendError) -> (Value, RegistryTable.Change?)
    ) throws(BackendError) -> Value {
        do throws(BackendError) {
            guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
            return try self.registry.perform(body)
        } catch {
            throw self.located(error, operation, key: key)
        }
    }

    /// Runs an operation on something beside the table of instances, under the same rules.
    func reaching<Value: Sendable>(
        _ operation: String,
        key: String?,
        _ body: () throws(BackendError) -> Value
    ) throws(BackendError) -> Value {
        try self.perform(operation, key: key) { _ throws(BackendError) in ((), nil) }
        do throws(BackendError) {
            return try body()
        } catch {
            throw self.located(error, operation, key: error.key ?? key)
        }
    }

    /// The error with where it happened.
    func located(_ error: BackendError, _ operation: String, key: String?) -> BackendError {
        var error = error
        error.backend = self.name
        error.operation = operation
        error.key = key
        return error
    }

    func renew(_ token: LeaseToken) throws(BackendError) {
        let now = self.registry.clock.now
        _ = try self.perform("renew", key: token.id.text) { table throws(BackendError) in
            (
                try table.renew(
                    token.service,
                    id: token.id,
                    proof: LeaseProof(token.secret),
                    in: self.namespace,
                    at: now
                ), nil
            )
        }
    }

    func update(_ instance: ServiceInstance, _ token: LeaseToken) throws(BackendError) {
        let now = self.registry.clock.now
        try self.perform("update", key: token.id.text) { table throws(BackendError) in
            guard instance.service == token.service, instance.id == token.id else {
                throw BackendError(.invalidArgument, "an update must keep service and id \(token.service)/\(token.id)")
            }
            return ((), try table.update(instance, proof: LeaseProof(token.secret), in: self.namespace, at: now))
        }
    }

    func revoke(_ token: LeaseToken) throws(BackendError) {
        try self.perform("revoke", key: token.id.text) { table throws(BackendError) in
            ((), table.revoke(token.service, id: token.id, proof: LeaseProof(token.secret), in: self.namespace))
        }
    }
}
