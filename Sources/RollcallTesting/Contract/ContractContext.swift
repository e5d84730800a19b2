public import Rollcall
import Synchronization

/// One run of one line of the contract: a namespace of its own, and clients that run until the line ends.
public struct ContractContext: ContractRun {
    /// The backend under test.
    public let harness: any RegistryHarness
    /// The line that is checked.
    public let line: String
    /// The namespace that belongs to this run alone.
    public let namespace: Namespace
    /// A client, as a service has one.
    public let first: any RegistryBackend
    /// Another client of the same server, as another service has one.
    public let second: any RegistryBackend

    var clients: [any Backend] { [self.first, self.second] }

    /// A name of a service.
    func service(_ text: String = "web") throws -> ServiceName { try ServiceName(text) }

    /// An instance of a service.
    func instance(
        _ id: String,
        of service: String = "web",
        port: Int = 8080,
        metadata: [String: String] = [:]
    ) throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName(service),
            id: InstanceID(id),
            endpoints: [Endpoint(scheme: "http", host: "127.0.0.1", port: port)],
            metadata: metadata
        )
    }

    /// The ids that a client sees now.
    func ids(of service: String = "web", seenBy backend: any RegistryBackend) async throws -> [String] {
        try await backend.instances(of: ServiceName(service)).instances.map(\.id.text)
    }

    /// The ids of those that the registry has by a client's account, without those that guards hold.
    func registered(of service: String = "web", seenBy backend: any RegistryBackend) async throws -> [String] {
        let snapshot = try await backend.instances(of: ServiceName(service))
        return snapshot.instances.map(\.id).filter { !snapshot.held.contains($0) }.map(\.text)
    }

    /// Records what a watch delivers for as long as `body` runs.
    func watching<Value>(
        _ service: String = "web",
        through backend: any RegistryBackend,
        _ body: (SnapshotRecorder) async throws -> Value
    ) async throws -> Value {
        let name = try ServiceName(service)
        let recorder = SnapshotRecorder()
        return try await self.alongside(body: { try await body(recorder) }) {
            do throws(BackendError) {
                try await backend.watch(name) { recorder.record($0) }
            } catch {
                recorder.end(error)
            }
        }
    }
}

/// What one watch delivered so far.
public final class SnapshotRecorder: Sendable {
    private let state = Mutex((snapshots: [ServiceSnapshot](), end: BackendError?.none))

    /// All snapshots, in the order in which they came.
    public var snapshots: [ServiceSnapshot] { self.state.withLock { $0.snapshots } }

    /// The ids in the latest snapshot, or `nil` before the first.
    public var ids: [String]? { self.snapshots.last.map { $0.instances.map(\.id.text) } }

    /// Why the watch ended.
    public var end: BackendError? { self.state.withLock { $0.end } }

    func record(_ snapshot: ServiceSnapshot) {
        self.state.withLock { $0.snapshots.append(snapshot) }
    }

    func end(_ error: BackendError) {
        self.state.withLock { $0.end = error }
    }
}
