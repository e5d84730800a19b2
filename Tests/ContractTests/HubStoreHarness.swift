import Foundation
import Rollcall
import RollcallHub
import RollcallTesting

/// The hub's store with a journal, without a network between it and its clients.
final class HubStoreHarness: RegistryHarness {
    let name = "hub store"
    let shortTTL = Duration.seconds(1)
    let watchCycles = 10_000
    private let store: HubStore
    private let folder = NSTemporaryDirectory() + "rollcall-contract-\(UUID().uuidString)"

    init() throws {
        self.store = try HubStore(folder: self.folder)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend {
        HubStoreBackend(store: self.store, namespace: namespace)
    }

    func setReachable(_ isReachable: Bool) async throws {
        self.store.registry.setReachable(isReachable)
    }

    func wipe() async throws {
        self.store.registry.wipe()
    }

    func serverSideWatches() async throws -> Int? {
        self.store.registry.watchCount
    }
}

/// Calls the store as the hub's handlers do.
private struct HubStoreBackend: RegistryBackend {
    let name = "hub"
    let capabilities = BackendCapabilities(
        ttl: HubStore.ttl,
        expirySlack: .milliseconds(500),
        knowsDepartureReason: true,
        remembersRemoval: true
    )
    let store: HubStore
    let namespace: Namespace

    func run() async throws(BackendError) { await self.store.run() }

    func health() async -> BackendHealth { BackendHealth(isReachable: true, canRead: true, canWrite: true) }

    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease {
        try Self.checkCancellation()
        let registration = try self.store.register(instance, in: self.namespace, ttl: ttl)
        return HubStoreLease(backend: self, token: registration.token, ttl: registration.ttl)
    }

    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot {
        let json = try self.store.snapshot(of: service, in: self.namespace).json
        do throws(ValidationError) {
            var instances: [ServiceInstance] = []
            var reader = JSONReader(json)
            try reader.object { (reader, name) throws(ValidationError) in
                guard name == "instances" else { return try reader.skip() }
                try reader.array { (reader) throws(ValidationError) in
                    instances.append(try ServiceInstance.read(from: &reader, service: service, id: nil))
                }
            }
            return ServiceSnapshot(service: service, instances: instances, revision: 1, source: self.name)
        } catch {
            throw BackendError(.protocolViolation, "the snapshot cannot be read", cause: error)
        }
    }

    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never {
        let place = RegistryTable.Place(namespace: self.namespace, service: service)
        try await self.store.registry.watch(place, deliver: deliver)
    }

    func services() async throws(BackendError) -> [ServiceSummary] { try self.store.services(in: self.namespace) }

    func watchServices(deliver: @escaping @Sendable ([ServiceName]) -> Void) async throws(BackendError) -> Never {
        try await self.store.registry.watchNames(self.namespace, deliver: deliver)
    }

    func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance {
        try self.store.amend(service, id: id, change, in: self.namespace)
    }

    func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError) {
        try self.store.remove(service, id: id, in: self.namespace)
    }

    func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease {
        HubStoreLease(backend: self, token: token, ttl: try self.store.ttl(of: token, in: self.namespace))
    }

    static func checkCancellation() throws(BackendError) {
        guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
    }
}

private struct HubStoreLease: InstanceLease {
    let backend: HubStoreBackend
    let token: LeaseToken
    let ttl: Duration

    func renew() async throws(BackendError) { try self.backend.store.renew(self.token, in: self.backend.namespace) }

    func keepAlive() async throws(BackendError) -> Never {
        while true {
            do throws(BackendError) {
                try await self.renew()
            } catch {
                if error.code != .unavailable { throw error }
            }
            try await TimeSource().pause(for: self.ttl / 10)
        }
    }

    func update(_ instance: ServiceInstance) async throws(BackendError) {
        try HubStoreBackend.checkCancellation()
        try self.backend.store.update(instance, self.token, in: self.backend.namespace)
    }

    func revoke() async throws(BackendError) {
        try self.backend.store.revoke(self.token, in: self.backend.namespace)
    }
}
