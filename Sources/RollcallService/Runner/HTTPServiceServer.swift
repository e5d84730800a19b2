package import HTTPEngine
package import Rollcall
import Synchronization

/// An ``HTTPServer`` as a ``ServiceRunner`` runs it.
package final class HTTPServiceServer: ServiceServer {
    private let host: String
    private let port: Int
    private let advertisedHost: String?
    private let configuration: HTTPServer.Configuration
    private let handler: HTTPServer.Handler
    private let server = Mutex<HTTPServer?>(nil)

    /// Describes a server, which is made by ``listen()``.
    ///
    /// - Parameters:
    ///   - host: The numeric address to listen on.
    ///   - port: The port; 0 for one that is free.
    ///   - advertisedHost: The name or address that callers use; by default `host`, which must then be one.
    ///   - configuration: Its limits.
    ///   - handler: Answers requests.
    package init(
        host: String = "127.0.0.1",
        port: Int,
        advertisedHost: String? = nil,
        configuration: HTTPServer.Configuration = HTTPServer.Configuration(),
        handler: @escaping HTTPServer.Handler
    ) {
        self.host = host
        self.port = port
        self.advertisedHost = advertisedHost
        self.configuration = configuration
        self.handler = handler
    }

    /// See ``ServiceServer/listen()``.
    package func listen() async throws -> [Endpoint] {
        guard self.advertisedHost != nil || !["0.0.0.0", "::"].contains(self.host) else {
            throw BackendError(
                .invalidArgument,
                "\(self.host) means every address of this machine and is none that callers could use: say which one"
            )
        }
        let server = try HTTPServer(
            host: self.host,
            port: self.port,
            configuration: self.configuration,
            handler: self.handler
        )
        self.server.withLock { $0 = server }
        return [try Endpoint(scheme: "http", host: self.advertisedHost ?? self.host, port: server.address.port)]
    }

    /// See ``ServiceServer/serve()``.
    package func serve() async throws {
        guard let server = self.server.withLock({ $0 }) else {
            throw BackendError(.notRunning, "the server does not listen")
        }
        await server.run()
    }

    /// See ``ServiceServer/stop(within:)``.
    package func stop(within limit: Duration) async throws {
        await self.server.withLock { $0 }?.shutDown(within: limit)
    }
}

extension ServiceRunner {
    /// Creates a runner of an HTTP server.
    ///
    /// - Parameters:
    ///   - service: The name to register under.
    ///   - client: Where to register and to look required services up. Whoever owns it runs it.
    ///   - configuration: How to behave.
    ///   - host: The numeric address to listen on.
    ///   - port: The port; 0 for one that is free.
    ///   - advertisedHost: The name or address that callers use; by default `host`.
    ///   - limits: The server's limits.
    ///   - handler: Answers requests.
    package convenience init(
        service: ServiceName,
        client: RollcallClient,
        configuration: ServiceRunnerConfiguration = ServiceRunnerConfiguration(),
        host: String = "127.0.0.1",
        port: Int,
        advertisedHost: String? = nil,
        limits: HTTPServer.Configuration = HTTPServer.Configuration(),
        handler: @escaping HTTPServer.Handler
    ) {
        let server = HTTPServiceServer(
            host: host,
            port: port,
            advertisedHost: advertisedHost,
            configuration: limits,
            handler: handler
        )
        self.init(service: service, client: client, configuration: configuration, server: server)
    }
}
