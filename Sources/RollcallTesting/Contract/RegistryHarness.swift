public import Rollcall

/// What the contract suite needs to know of a backend, and must be able to do to it.
public protocol RegistryHarness: Sendable {
    /// What the backend is called in the names of tests.
    var name: String { get }

    /// A time-to-live for leases that are to run out: short, but within what the backend grants.
    var shortTTL: Duration { get }

    /// How many watches C13 opens and cancels.
    var watchCycles: Int { get }

    /// How much longer than by the contract alone instances may be shown that a service lost all at once or for the most
    /// part, where guards stand between the backend and the suite; zero where none do.
    ///
    /// Instances that were taken out in good order have no such time.
    var lossSlack: Duration { get }

    /// Makes a new client of the one server that all clients of this harness share. The suite runs it.
    func makeBackend(namespace: Namespace) async throws -> any RegistryBackend

    /// Cuts or restores the way to the server, for all clients.
    func setReachable(_ isReachable: Bool) async throws

    /// Makes the server forget every registration, as a restart without data does.
    func wipe() async throws

    /// The number of watches that the server keeps open now, or `nil` where it cannot tell.
    func serverSideWatches() async throws -> Int?
}

extension RegistryHarness {
    /// None: the backend itself is what is seen.
    public var lossSlack: Duration { .zero }
}
