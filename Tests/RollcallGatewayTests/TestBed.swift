import HTTPEngine
import Rollcall
import RollcallGateway
import RollcallTesting

/// A gateway in front of a registry in memory, and servers to stand behind it.
struct TestBed: Sendable {
    let backend: MemoryBackend
    let client: RollcallClient
    let gateway: Gateway
    let http: HTTPClient
    fileprivate let servers: AsyncStream<HTTPServer>.Continuation

    /// The gateway's own address.
    var origin: Origin { Origin(host: self.gateway.address.host, port: self.gateway.address.port) }

    /// Starts a server, without registering it.
    func serve(_ handler: @escaping HTTPServer.Handler) throws -> HTTPServer {
        let server = try HTTPServer(host: "127.0.0.1", port: 0, handler: handler)
        self.servers.yield(server)
        return server
    }

    /// Registers an instance.
    @discardableResult
    func register(
        _ service: String = "web",
        id: String = "web-1",
        port: Int,
        path: String = "",
        scheme: String = "http",
        status: HealthStatus = .passing
    ) async throws -> any InstanceLease {
        let instance = try ServiceInstance(
            service: ServiceName(service),
            id: InstanceID(id),
            endpoints: [Endpoint(scheme: scheme, host: "127.0.0.1", port: port, path: path)],
            status: status
        )
        return try await self.backend.register(instance, ttl: .seconds(60))
    }

    /// Starts a server and registers it.
    @discardableResult
    func instance(
        _ service: String = "web",
        id: String = "web-1",
        answering handler: @escaping HTTPServer.Handler
    ) async throws -> HTTPServer {
        let server = try self.serve(handler)
        try await self.register(service, id: id, port: server.address.port)
        return server
    }

    /// Sends a request through the gateway.
    func send(
        _ method: String = "GET",
        _ target: String = "/web/",
        fields: [Problem.Header] = [],
        body: [UInt8] = []
    ) async throws -> HTTPClient.Response {
        let request = HTTPClient.Request(method, target, at: self.origin, fields: fields, body: body)
        return try await self.http.send(request, within: .seconds(20), limit: 1 << 28)
    }

    /// Opens a connection to the gateway for bytes as they are.
    func open() async throws -> RawConnection { try await RawConnection(to: self.origin) }

    /// Waits until the gateway can choose among `count` instances.
    func awaitInstances(_ count: Int, of service: String = "web") async throws {
        let name = try ServiceName(service)
        try await eventually { self.client.discovery.currentSnapshot(of: name)?.instances.count == count }
    }
}

/// Runs a gateway for as long as `body` runs.
func withTestBed(
    _ configure: (inout GatewayConfiguration) -> Void = { _ in },
    _ body: @escaping @Sendable (TestBed) async throws -> Void
) async throws {
    var configuration = GatewayConfiguration()
    configuration.port = 0
    configure(&configuration)
    let backend = MemoryBackend()
    let rollcall = RollcallConfiguration(discovery: DiscoveryConfiguration(balancer: .roundRobin))
    let client = RollcallClient(registry: backend, configuration: rollcall)
    let gateway = try Gateway(client: client, configuration: configuration)
    let (stream, servers) = AsyncStream.makeStream(of: HTTPServer.self)
    let bed = TestBed(backend: backend, client: client, gateway: gateway, http: try HTTPClient(), servers: servers)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await client.run() }
        group.addTask { try await gateway.run() }
        group.addTask {
            await withDiscardingTaskGroup { group in
                for await server in stream { group.addTask { await server.run() } }
            }
        }
        defer {
            servers.finish()
            group.cancelAll()
        }
        try await body(bed)
    }
}

/// A connection for bytes as they are.
final class RawConnection {
    let connection: HTTPConnection
    private let clock: TimeSource
    private(set) var received = ""

    init(to origin: Origin) async throws {
        let pool = ConnectionPool(loop: try EventLoops.running().next())
        self.connection = HTTPConnection(try await pool.connect(to: origin))
        self.clock = pool.loop.clock
    }

    deinit {
        self.connection.socket.close()
    }

    func send(_ text: String) async throws { try await self.send(Array(text.utf8)) }

    func send(_ bytes: [UInt8], within limit: Duration = .seconds(10)) async throws {
        try await self.connection.socket.write(bytes, until: self.clock.now.advanced(by: limit))
    }

    /// Receives until `text` came, and returns all that came so far.
    @discardableResult
    func receive(until text: String, within limit: Duration = .seconds(10)) async throws -> String {
        let deadline = self.clock.now.advanced(by: limit)
        while !self.received.contains(text), try await self.connection.receive(until: deadline) {
            self.received += String(decoding: self.connection.takeReceived(), as: UTF8.self)
        }
        return self.received
    }

    /// Receives to the end of the connection, however it ends.
    func receiveAll(within limit: Duration = .seconds(10)) async -> (text: String, wasCut: Bool) {
        let deadline = self.clock.now.advanced(by: limit)
        do {
            while try await self.connection.receive(until: deadline) {
                self.received += String(decoding: self.connection.takeReceived(), as: UTF8.self)
            }
            return (self.received, false)
        } catch {
            return (self.received, true)
        }
    }
}

extension HTTPClient.Response {
    var text: String { String(decoding: self.body, as: UTF8.self) }
}

/// Answers with what the request was: first line, fields, body.
@Sendable func reflect(_ exchange: HTTPExchange) async throws {
    let body = try await exchange.readBody(limit: 1 << 20)
    var text = "\(exchange.head.method) \(exchange.head.target)\n"
    let fields = exchange.head.fields
    for index in fields.indices { text += "\(fields.name(at: index)): \(fields.value(at: index))\n" }
    exchange.respond(200, "text/plain", body: Array((text + "\n").utf8) + body)
}

/// Answers with a text.
func say(_ text: String) -> HTTPServer.Handler {
    { $0.respond(200, "text/plain", body: Array(text.utf8)) }
}
