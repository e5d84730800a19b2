import HTTPEngine
import Rollcall
import Synchronization

/// What one endpoint is checked with: its addresses, its request, and a connection that is kept.
///
/// One check runs at a time.
final class EndpointCheck: Sendable {
    /// What is done to an endpoint.
    enum Method: Sendable {
        case connect
        /// The bytes of the request.
        case http([UInt8])
        case grpc(service: String)
    }

    /// What all checks of a prober share.
    final class Environment: Sendable {
        let timeout: Duration
        /// Whether connections outlast the time between two checks.
        let keepsConnections: Bool
        let allowance: ConnectionAllowance
        let lookups: NameLookups
        let permits: @Sendable (SocketAddress) -> Bool

        init(_ configuration: ProbeConfiguration) {
            self.timeout = configuration.timeout
            // Below the usual limits of servers for connections that rest.
            self.keepsConnections = configuration.interval * (1 + configuration.jitter) < .seconds(30)
            self.allowance = ConnectionAllowance(maximum: configuration.maximumConnections)
            self.lookups = NameLookups(maximum: configuration.concurrency)
            self.permits = configuration.permits
        }
    }

    /// Why a check has no answer of the endpoint.
    enum Failure: Error {
        case connection(ConnectionError)
        /// Nothing is known about the endpoint.
        case inconclusive(String)
    }

    private struct Known {
        var addresses: [SocketAddress]
        /// When to ask the resolver again; `nil` for a numeric address.
        var end: TimeSource.Instant?
    }

    /// How long the addresses of a name are good for.
    private static let addressLifetime = Duration.seconds(30)

    let origin: Origin
    let environment: Environment
    private let method: Method
    private let known: Mutex<Known>
    let kept = Mutex<Socket?>(nil)

    /// Prepares the checks of an endpoint, or returns `nil` for one that cannot be checked.
    init?(_ endpoint: Endpoint, kind: ProbeConfiguration.Kind, path: String, environment: Environment) {
        guard endpoint.scheme != "unix", kind != .none else { return nil }
        self.origin = Origin(host: endpoint.host, port: endpoint.port)
        self.environment = environment
        self.method = Self.method(for: endpoint, kind: kind, path: path)
        let address = SocketAddress(host: endpoint.host, port: endpoint.port)
        self.known = Mutex(Known(addresses: address.map { [$0] } ?? [], end: nil))
    }

    deinit {
        self.closeKept()
    }

    private static func method(for endpoint: Endpoint, kind: ProbeConfiguration.Kind, path: String) -> Method {
        // TLS is not spoken here.
        guard endpoint.scheme != "https", endpoint.scheme != "wss" else { return .connect }
        switch kind {
        case .none, .tcp: return .connect
        case .http(let path): return .http(Self.request(for: endpoint, path: path))
        case .grpc(let service): return .grpc(service: service)
        case .automatic:
            switch endpoint.scheme {
            case "http": return .http(Self.request(for: endpoint, path: path))
            case "grpc": return .grpc(service: "")
            default: return .connect
            }
        }
    }

    /// Checks the endpoint.
    ///
    /// - Parameter loop: What watches the connection.
    /// - Returns: How it ended, which means nothing in a cancelled task.
    func run(on loop: EventLoop) async -> ProbeOutcome {
        let deadline = loop.clock.now.advanced(by: self.environment.timeout)
        do throws(Failure) {
            switch self.method {
            case .connect:
                let socket = try await self.connect(on: loop, until: deadline)
                socket.cutWhenClosed()
                socket.close()
                return .passed("connected")
            case .http(let request): return try await self.ask(request, on: loop, until: deadline)
            case .grpc(let service): return try await self.ask(forHealthOf: service, on: loop, until: deadline)
            }
        } catch {
            switch error {
            case .inconclusive(let message): return .inconclusive(message)
            case .connection(let error):
                return error.isLocal ? .inconclusive(error.message) : .failed("\(self.origin): \(error.message)")
            }
        }
    }

    /// Connects to the first address that answers; each gets its share of the time.
    func connect(on loop: EventLoop, until deadline: TimeSource.Instant) async throws(Failure) -> Socket {
        let known = try await self.addresses(until: deadline, clock: loop.clock)
        let addresses = known.filter(self.environment.permits)
        guard !addresses.isEmpty else {
            throw .inconclusive("\(self.origin): calls to \(known.first?.description ?? "it") are not allowed here")
        }
        var failure: ConnectionError?
        for (index, address) in addresses.enumerated() {
            let now = loop.clock.now
            let share = now.duration(to: deadline) / (addresses.count - index)
            do throws(ConnectionError) {
                return try await Connector.connect(to: address, on: loop, until: now.advanced(by: share))
            } catch {
                // What an address answered says more than that there is no way to another.
                if failure?.isLocal ?? true { failure = error }
                if Task.isCancelled { break }
            }
        }
        throw .connection(failure ?? ConnectionError(.refused, "no address"))
    }

    private func addresses(
        until deadline: TimeSource.Instant,
        clock: TimeSource
    ) async throws(Failure) -> [SocketAddress] {
        let known = self.known.withLock { $0 }
        if !known.addresses.isEmpty, known.end.map({ clock.now < $0 }) ?? true { return known.addresses }
        switch await self.environment.lookups.addresses(of: self.origin, until: deadline, clock: clock) {
        case .addresses(let addresses):
            let end = clock.now.advanced(by: Self.addressLifetime)
            self.known.withLock { $0 = Known(addresses: addresses, end: end) }
            return addresses
        case .noSuchName:
            throw .connection(ConnectionError(.refused, "the name does not exist"))
        case .unknown(let message):
            // The former addresses may still be right.
            guard known.addresses.isEmpty else { return known.addresses }
            throw .inconclusive(message)
        }
    }
}
