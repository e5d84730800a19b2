import HTTPEngine
import Rollcall

/// What all requests share.
final class Proxy: Sendable {
    /// How to behave.
    let configuration: GatewayConfiguration
    /// Where instances come from.
    let discovery: Discovery
    /// What the loops keep, by their numbers.
    let loops: [GatewayLoop]
    /// The services that are known.
    let directory: ServiceDirectory
    /// What is left of the budget for retries.
    let tokens: RetryTokens
    /// What measures time.
    let clock: TimeSource
    private let routes: RouteTable

    /// Creates a proxy on the process's loops.
    init(discovery: Discovery, configuration: GatewayConfiguration, loops: EventLoops) {
        self.configuration = configuration
        self.discovery = discovery
        self.loops = loops.all.map(GatewayLoop.init)
        self.clock = loops.clock
        self.directory = ServiceDirectory(discovery: discovery, configuration: configuration, clock: loops.clock)
        self.tokens = RetryTokens(configuration.retryBudget, now: loops.clock.now)
        self.routes = RouteTable(configuration)
    }

    /// What was done so far.
    var metrics: GatewayMetrics { GatewayMetrics(self.loops.map(\.counters)) }

    /// Answers a request.
    ///
    /// - Throws: A ``Problem`` for the client; anything else when the connection can be used no further.
    func handle(_ exchange: HTTPExchange) async throws {
        let loop = self.loops[exchange.loop.number]
        loop.counters.add(.requests)
        loop.counters.add(.active)
        defer { loop.counters.add(.active, -1) }
        var request = ProxiedRequest(exchange, on: loop, of: self)
        do {
            try await self.forward(&request)
            self.log(request)
        } catch let problem as Problem where !exchange.hasBegun {
            loop.counters.add(.problem(problem.status))
            request.status = problem.status
            self.log(request)
            // What is left of the body is not worth reading.
            if exchange.hasBody { exchange.closeAfterwards() }
            throw problem
        } catch {
            loop.counters.add(exchange.connection.socket.isHungUp ? .gone : .cut)
            self.log(request)
            throw error
        }
    }

    /// Takes note of what the server refused, as it was no request.
    func noteRefusal(_ problem: Problem, on connection: HTTPConnection) {
        self.loops[connection.socket.loop.number].counters.add(.problem(problem.status))
        guard let accessLog = self.configuration.accessLog else { return }
        accessLog(
            AccessRecord(
                client: String(decoding: connection.peerHost, as: UTF8.self),
                method: "",
                target: "",
                status: problem.status,
                service: nil,
                instance: nil,
                attempts: 0,
                bytes: 0,
                duration: .zero
            )
        )
    }

    /// Forgets what is no longer registered, now and then, until the task is cancelled.
    func sweep() async {
        while (try? await self.clock.sleep(for: .seconds(5))) != nil {
            let now = self.clock.now
            for known in self.directory.services {
                // A service that nobody asks for any more may be watched no longer.
                let instances = self.discovery.watchedSnapshot(of: known.name)?.instances ?? []
                known.keep(instances)
                for loop in self.loops {
                    loop.service(named: ServiceText(text: known.name.text))?.keep(instances, at: now)
                }
            }
        }
    }

    /// Closes the connections to instances that rest.
    func closeResting() {
        for loop in self.loops {
            for service in loop.all { service.closeResting() }
        }
    }

    private func forward(_ request: inout ProxiedRequest) async throws {
        let exchange = request.exchange
        guard exchange.head.fields.byteCount <= self.configuration.maximumHeadBytes else {
            let limit = self.configuration.maximumHeadBytes
            throw Problem(status: 431, code: .tooLarge, "the head has more than \(limit) bytes")
        }
        guard request.loop.counters.value(.active) * self.loops.count <= self.configuration.maximumActiveRequests else {
            throw Problem(status: 503, code: .unavailable, "the gateway has as many requests under way as it takes")
        }
        guard exchange.head.method != "CONNECT" else {
            throw Problem(status: 400, code: .invalidArgument, "CONNECT: this is no forward proxy", field: "method")
        }
        let match = try self.routes.match(exchange.head.target)
        request.match = match
        let service: LoopService
        if let known = request.loop.service(named: match.service) {
            service = known
        } else {
            service = request.loop.adopt(try await self.directory.service(named: match.service))
        }
        try await request.forward(to: service)
    }

    private func log(_ request: ProxiedRequest) {
        guard let accessLog = self.configuration.accessLog else { return }
        let exchange = request.exchange
        accessLog(
            AccessRecord(
                client: String(decoding: exchange.connection.peerHost, as: UTF8.self),
                method: exchange.head.method,
                target: exchange.head.target,
                status: request.status,
                service: request.match?.service.text,
                instance: request.lane?.upstream.id.text,
                attempts: request.attempts,
                bytes: request.bytes,
                duration: request.began.duration(to: self.clock.now)
            )
        )
    }
}
