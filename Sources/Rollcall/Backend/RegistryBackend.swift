/// The contract of a registry: who is registered, and being told when that changes.
///
/// The lines C1 to C14 of the contract are proved on every backend by the suite in `RollcallTesting`.
/// Every call throws ``BackendError``; `cancelled` when its task was cancelled.
public protocol RegistryBackend: Backend {
    /// Registers an instance, replacing a record of the same id whoever held it (C5a, C6).
    ///
    /// It is visible to others when this returns (C1). A call that throws with ``BackendError/Applied/no`` left
    /// nothing behind (C7); after ``BackendError/Applied/unknown`` the record ends with its time-to-live.
    ///
    /// - Parameters:
    ///   - instance: What to register.
    ///   - ttl: How long the record outlives its last renewal. Clamped to what the backend grants.
    /// - Returns: The lease that keeps it.
    /// - Throws: A ``BackendError``; `invalidArgument` or `tooLarge` for what the backend will never take.
    func register(_ instance: ServiceInstance, ttl: Duration) async throws(BackendError) -> any InstanceLease

    /// Lists the instances of a service now. A service that nobody registered is an empty list, at once.
    func instances(of service: ServiceName) async throws(BackendError) -> ServiceSnapshot

    /// Delivers the current snapshot of a service, then one for each change, until the task is cancelled.
    ///
    /// The first is delivered also when it is empty (C9). After any fault the sequence converges to the true state or
    /// this throws (C10); a fault that may pass is retried within. A slow `deliver` delays only its own watch, which
    /// then continues with the latest state (C12).
    ///
    /// - Parameters:
    ///   - service: The service, matched exactly (C11).
    ///   - deliver: Takes each snapshot, one after the other. It must not block.
    /// - Throws: A ``BackendError``; `cancelled` when the task is cancelled.
    func watch(
        _ service: ServiceName,
        deliver: @escaping @Sendable (ServiceSnapshot) -> Void
    ) async throws(BackendError) -> Never

    /// Lists the services that have instances, in order of their names.
    func services() async throws(BackendError) -> [ServiceSummary]

    /// Delivers the names of the services that have instances, in order: the current ones, then after each change.
    func watchServices(deliver: @escaping @Sendable ([ServiceName]) -> Void) async throws(BackendError) -> Never

    /// Lays a change over a record that somebody else holds, without touching its lease.
    ///
    /// - Returns: The record as others see it now.
    /// - Throws: `notFound` when there is no such record.
    func amend(
        _ service: ServiceName,
        id: InstanceID,
        _ change: InstanceChange
    ) async throws(BackendError) -> ServiceInstance

    /// Takes a record out that somebody else holds. Nothing happens when there is none.
    func remove(_ service: ServiceName, id: InstanceID) async throws(BackendError)

    /// Takes up the lease of an earlier process, to renew or revoke it.
    ///
    /// - Throws: `unsupported` where a lease lives in a connection, `leaseLost` when it is over.
    func lease(resuming token: LeaseToken) async throws(BackendError) -> any InstanceLease
}

/// The right to keep, change and end one registration.
public protocol InstanceLease: Sendable {
    /// What another process needs to take the lease up.
    var token: LeaseToken { get }

    /// The id under which others see the instance: its own, except in layouts that tell instances by something else.
    ///
    /// Of a lease that was taken up through a hub it is the token's.
    var visibleID: InstanceID { get }

    /// The time-to-live that the backend granted.
    var ttl: Duration { get }

    /// Renews once.
    ///
    /// - Throws: `leaseLost`, `displaced` or `removed` when the lease is over; otherwise what kept the renewal from
    ///   arriving, after which the lease may well live.
    func renew() async throws(BackendError)

    /// Renews in time, for as long as the lease lives.
    ///
    /// - Throws: `leaseLost`, `displaced`, `removed` or `closed` when it is over, `cancelled` with the task.
    func keepAlive() async throws(BackendError) -> Never

    /// Replaces what is registered; service and id must stay. Reaches open watches (C8).
    func update(_ instance: ServiceInstance) async throws(BackendError)

    /// Ends the registration. Stops renewals first, and may be called again (C5).
    func revoke() async throws(BackendError)
}

extension InstanceLease {
    /// The instance's own id.
    public var visibleID: InstanceID { self.token.id }
}

/// What a process needs to take up a lease: a secret of the backend, opaque to everybody else.
public struct LeaseToken: Hashable, Sendable {
    /// The service of the registration.
    public let service: ServiceName
    /// The id of the registration.
    public let id: InstanceID
    /// The secret.
    ///
    /// Whoever has it can change and end the registration.
    public let secret: String

    /// Creates a token from its parts.
    public init(service: ServiceName, id: InstanceID, secret: String) {
        self.service = service
        self.id = id
        self.secret = secret
    }
}

extension LeaseToken: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Names the registration, not the secret.
    public var description: String { "lease of \(self.service)/\(self.id)" }
    /// The same as `description`.
    public var debugDescription: String { self.description }
    /// Shows what `description` shows.
    public var customMirror: Mirror { Mirror(self, children: ["service": self.service, "id": self.id]) }
}
