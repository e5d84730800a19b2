import HTTPEngine
import Rollcall

/// Answers `GET /metrics` with a gateway's figures, on an address of its own, where clients of the services do not come.
final class MetricsServer: Sendable {
    /// The type of Prometheus' text format.
    private static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private let server: HTTPServer

    /// Where it listens.
    var address: SocketAddress { self.server.address }

    /// Binds the port and listens; requests wait until ``run()``.
    ///
    /// - Parameters:
    ///   - host: A numeric address.
    ///   - port: A port; 0 for one that is free.
    ///   - read: Reads the figures.
    /// - Throws: A ``SystemError``, such as for a port that is in use.
    init(host: String, port: Int, _ read: @escaping @Sendable () -> GatewayMetrics) throws(SystemError) {
        var limits = HTTPServer.Configuration()
        limits.maximumConnections = 64
        self.server = try HTTPServer(host: host, port: port, configuration: limits) { exchange in
            guard exchange.head.path == "/metrics" else {
                throw Problem(status: 404, code: .notFound, "the figures are at /metrics")
            }
            guard ["GET", "HEAD"].contains(exchange.head.method) else {
                let allowed = Problem.Header("Allow", "GET, HEAD")
                throw Problem(status: 405, code: .unsupported, "figures can only be read", headers: [allowed])
            }
            exchange.respond(200, Self.contentType, body: Array(read().prometheusText.utf8))
        }
    }

    /// Serves until the task is cancelled.
    func run() async {
        await self.server.run()
    }
}
