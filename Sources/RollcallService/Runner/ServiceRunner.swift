public import Rollcall
import Synchronization

/// Runs a service from its first line to its last: prepare, listen, serve and register, drain, deregister, stop.
///
/// It never registers before it listens, so that nobody is sent to a closed port, and it stops serving only once it
/// is deregistered and callers had time to learn of that. The client is somebody else's: it may serve many runners,
/// and must run for as long as any of them.
///
/// ```swift
/// try await withRollcallClient(client) { client in
///     try await ServiceRunner(service: name, client: client, server: server).run(until: interrupted)
/// }
/// ```
public final class ServiceRunner: Sendable {
    private struct State {
        var hasRun = false
        var endpoints: [Endpoint] = []
        var registrar: Registrar?
        var isRegistered = false
    }

    /// The name that it registers under.
    public let service: ServiceName
    let configuration: ServiceRunnerConfiguration
    let client: RollcallClient
    let server: any ServiceServer
    let log: Log
    /// Raised when it is to end.
    let shutdown = Signal()
    /// Raised once it is registered, or is over without.
    private let settled = Signal()
    private let state = Mutex(State())

    /// Creates a runner.
    ///
    /// It does nothing until ``run()``.
    ///
    /// - Parameters:
    ///   - service: The name to register under.
    ///   - client: Where to register and to look required services up. Whoever owns it runs it.
    ///   - configuration: How to behave.
    ///   - server: What serves.
    public init(
        service: ServiceName,
        client: RollcallClient,
        configuration: ServiceRunnerConfiguration = ServiceRunnerConfiguration(),
        server: any ServiceServer
    ) {
        self.service = service
        self.client = client
        self.configuration = configuration
        self.server = server
        self.log = configuration.log.component("runner")
    }

    /// Where it listens, as callers see it; empty before.
    public var endpoints: [Endpoint] { self.state.withLock { $0.endpoints } }

    /// How its registration stands; `nil` before it listens.
    public var registration: RegistrarStatus? { self.state.withLock { $0.registrar }?.status }

    /// Runs the service until ``beginShutdown()``, and then returns normally.
    ///
    /// When the task is cancelled the drain is left out and requests under way are cut short, but it is deregistered
    /// all the same, and this returns normally, too.
    ///
    /// - Throws: A ``ServiceRunError`` with all that went wrong; `alreadyRunning` for a second call.
    public func run() async throws {
        let isFirst = self.state.withLock { state in
            defer { state.hasRun = true }
            return !state.hasRun
        }
        guard isFirst else { throw BackendError(.alreadyRunning, "run() of a service runner can be called once") }
        defer { self.settled.raise() }
        let failures = await self.live()
        guard failures.isEmpty else { throw ServiceRunError(failures) }
    }

    /// Runs the service until `end` returns.
    ///
    /// - Parameter end: Waits for the wish to stop, such as a signal. It must heed cancellation.
    /// - Throws: As ``run()``.
    public func run(until end: @escaping @Sendable () async -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                await end()
                self.beginShutdown()
            }
            defer { group.cancelAll() }
            try await self.run()
        }
    }

    /// Begins to end the service: `maintenance`, drain, deregistration, requests under way; then ``run()`` returns.
    public func beginShutdown() { self.shutdown.raise() }

    /// Returns once others see the instance.
    ///
    /// - Throws: `closed` when the run ended without; `cancelled`.
    public func waitUntilRegistered() async throws(BackendError) {
        await self.settled.wait()
        guard !self.state.withLock({ $0.isRegistered }) else { return }
        guard !Task.isCancelled else { throw BackendError(.cancelled, "the task was cancelled") }
        throw BackendError(.closed, "the service ended without being registered", key: self.service.text)
    }

    func noteListening(at endpoints: [Endpoint]) {
        self.state.withLock { $0.endpoints = endpoints }
        self.log(.info, "\(self.service) listens at \(endpoints.map(\.description).joined(separator: ", "))")
    }

    func noteRegistering(by registrar: Registrar) {
        self.state.withLock { $0.registrar = registrar }
    }

    func noteRegistered() {
        self.state.withLock { $0.isRegistered = true }
        self.settled.raise()
        self.log(.info, "\(self.service)/\(self.configuration.id) is registered")
    }
}
