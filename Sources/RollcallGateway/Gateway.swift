import HTTPEngine
public import Rollcall
import Synchronization

/// A reverse proxy in front of discovered services: the first segment of a path, or a route, names the service.
///
/// It finds services by a ``Rollcall/Discovery``, which runs elsewhere. Nothing of the registry can be reached through
/// it and nothing can be registered through it: it has no paths of its own.
public final class Gateway: Sendable {
    private let proxy: Proxy
    private let server: HTTPServer
    private let metricsServer: MetricsServer?
    private let isRunning = Atomic(false)

    /// Where it listens.
    public let address: Endpoint
    /// Where it answers with its figures, if anywhere.
    public let metricsAddress: Endpoint?

    /// Binds the port and listens; requests wait until ``run()``.
    ///
    /// - Parameters:
    ///   - discovery: Finds the services; whoever owns it runs it.
    ///   - configuration: How to behave.
    /// - Throws: `invalidArgument` for a configuration that makes no sense; `unavailable` when the port cannot be had.
    public init(
        discovery: Discovery,
        configuration: GatewayConfiguration = GatewayConfiguration()
    ) throws(BackendError) {
        do {
            try configuration.check()
            let proxy = Proxy(
                discovery: discovery,
                configuration: configuration,
                loops: try EventLoops.running()
            )
            self.proxy = proxy
            var limits = Self.limits(configuration)
            limits.onRefusal = { proxy.noteRefusal($0, on: $1) }
            self.server = try HTTPServer(
                host: configuration.host,
                port: configuration.port,
                configuration: limits
            ) { try await proxy.handle($0) }
            self.address = try Self.endpoint(self.server.address)
            self.metricsServer = try configuration.metricsPort.map { port in
                try MetricsServer(host: configuration.metricsHost, port: port) { proxy.metrics }
            }
            self.metricsAddress = try self.metricsServer.map { try Self.endpoint($0.address) }
        } catch let error as ValidationError {
            throw BackendError(error)
        } catch {
            throw BackendError(.unavailable, "the gateway cannot listen: \(error)", operation: "listen", cause: error)
        }
    }

    /// Binds the port and listens; requests wait until ``run()``.
    ///
    /// - Parameters:
    ///   - client: Finds the services; whoever owns it runs it.
    ///   - configuration: How to behave.
    /// - Throws: `invalidArgument` for a configuration that makes no sense; `unavailable` when the port cannot be had.
    public convenience init(
        client: RollcallClient,
        configuration: GatewayConfiguration = GatewayConfiguration()
    ) throws(BackendError) {
        try self.init(discovery: client.discovery, configuration: configuration)
    }

    /// What it did so far.
    public var metrics: GatewayMetrics { self.proxy.metrics }

    /// Serves until ``shutDown(within:)``, or until the task is cancelled, which ends all requests at once.
    ///
    /// - Throws: `alreadyRunning`.
    public func run() async throws(BackendError) {
        guard !self.isRunning.exchange(true, ordering: .sequentiallyConsistent) else {
            throw BackendError(.alreadyRunning, "run() of a gateway can be called once")
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.server.run() }
            group.addTask { await self.proxy.sweep() }
            // The figures can be read until the last request has ended.
            if let metricsServer = self.metricsServer { group.addTask { await metricsServer.run() } }
            await group.next()
            group.cancelAll()
        }
        self.proxy.closeResting()
    }

    /// Takes no further request, lets those under way end, and makes ``run()`` return.
    ///
    /// - Parameter limit: How long they may take; then their connections are closed.
    public func shutDown(within limit: Duration) async {
        await self.server.shutDown(within: limit)
    }

    private static func endpoint(_ address: SocketAddress) throws(ValidationError) -> Endpoint {
        try Endpoint(scheme: "http", host: address.host, port: address.port)
    }

    private static func limits(_ configuration: GatewayConfiguration) -> HTTPServer.Configuration {
        var limits = HTTPServer.Configuration()
        limits.maximumConnections = configuration.maximumClients
        limits.headTimeout = configuration.clientHeadTimeout
        limits.idleTimeout = configuration.clientIdleTimeout
        limits.bodyTimeout = configuration.idleTimeout
        limits.writeTimeout = configuration.idleTimeout
        limits.log = configuration.log.component("gateway")
        return limits
    }
}
