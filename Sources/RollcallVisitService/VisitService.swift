import HTTPEngine
public import Rollcall
import RollcallLogService
public import RollcallService
import Synchronization

/// Counts visits: each `GET /` is answered with the next number, which is logged, too.
///
/// Nothing else counts, such as what browsers ask for by themselves. Counting never waits for the log service: while
/// that is away, numbers wait in memory within a bound, and what does not fit is told by the next line that arrives.
/// The count begins at 1 with the process.
public final class VisitService: Sendable {
    /// The name that it registers under.
    public static let name = ServiceName.trusting("visit")

    private struct Parts {
        let counter = VisitCounter()
        let shipper = LogShipper(sender: VisitService.name.text)
    }

    /// What runs its server.
    public let runner: ServiceRunner
    private let parts: Parts
    private let client: RollcallClient

    /// Creates a service that counts from 1.
    ///
    /// - Parameters:
    ///   - client: Where to register and to look the log service up. Whoever owns it runs it.
    ///   - host: The numeric address to listen on.
    ///   - port: The port; 0 for one that is free.
    ///   - advertisedHost: The name or address that callers use; by default `host`.
    ///   - configuration: How to behave. The log service is required whatever it says.
    public init(
        client: RollcallClient,
        host: String = "127.0.0.1",
        port: Int = 20003,
        advertisedHost: String? = nil,
        configuration: ServiceRunnerConfiguration = ServiceRunnerConfiguration()
    ) {
        var configuration = configuration
        if !configuration.requires.contains(LogService.name) { configuration.requires.append(LogService.name) }
        let parts = Parts()
        self.parts = parts
        self.client = client
        self.runner = ServiceRunner(
            service: Self.name,
            client: client,
            configuration: configuration,
            host: host,
            port: port,
            advertisedHost: advertisedHost
        ) { exchange in
            let number = try Self.answer(exchange, parts.counter)
            parts.shipper.ship(.info, "\(number)")
        }
    }

    /// How many visits there were.
    public var count: UInt64 { self.parts.counter.value }

    /// Serves until ``beginShutdown()`` or until the task is cancelled, and then ships what was not logged yet.
    ///
    /// - Throws: As ``ServiceRunner/run()``.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (shipper, discovery) = (self.parts.shipper, self.client.discovery)
            group.addTask { try await shipper.run(through: discovery) }
            defer { group.cancelAll() }
            try await self.runner.run()
        }
    }

    /// Begins to end the service.
    public func beginShutdown() { self.runner.beginShutdown() }

    /// Answers a request.
    ///
    /// - Returns: The visit's number.
    /// - Throws: A ``Problem`` for what is no visit.
    private static func answer(_ exchange: HTTPExchange, _ counter: VisitCounter) throws -> UInt64 {
        let path = exchange.head.path
        guard path == "/" else {
            throw Problem(status: 404, code: .notFound, "there is no \(String(path).quotedForDisplay) here")
        }
        guard exchange.head.method == "GET" else {
            throw Problem(
                status: 405,
                code: .unsupported,
                "\(exchange.head.method.quotedForDisplay) is not a method of this address",
                headers: [Problem.Header("Allow", "GET")]
            )
        }
        let number = counter.next()
        let headers = [Problem.Header("Cache-Control", "no-store")]
        exchange.respond(200, "text/plain", headers: headers, body: Array("\(number)".utf8))
        return number
    }
}

/// A number that rises by one with each visit; no two visits get the same.
private final class VisitCounter: Sendable {
    private let number = Atomic<UInt64>(0)

    var value: UInt64 { self.number.load(ordering: .relaxed) }

    func next() -> UInt64 { self.number.wrappingAdd(1, ordering: .relaxed).newValue }
}
