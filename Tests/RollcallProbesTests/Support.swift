import HTTPEngine
import Rollcall
import RollcallProbes
import Synchronization

/// What a prober reported, in order, from any task.
final class Reports: Sendable {
    private let entries = Mutex<[ProbeReport]>([])

    var all: [ProbeReport] { self.entries.withLock { $0 } }

    func add(_ report: ProbeReport) { self.entries.withLock { $0.append(report) } }

    func of(_ id: String) -> [ProbeReport] { self.all.filter { $0.id.text == id } }

    func verdict(of id: String) -> ProbeVerdict? { self.of(id).last?.verdict }
}

/// An instance at ports of 127.0.0.1, or at whole URLs.
func instance(_ id: String, of service: String = "web", at urls: String...) throws -> ServiceInstance {
    try ServiceInstance(
        service: ServiceName(service),
        id: InstanceID(id),
        endpoints: urls.map { (url) throws(ValidationError) in try Endpoint(url) }
    )
}

let web = ServiceName.web

extension ServiceName {
    /// A name for tests.
    static var web: ServiceName {
        do {
            return try ServiceName("web")
        } catch {
            preconditionFailure("\(error)")
        }
    }
}

/// Quick checks, so that tests are.
func quick(
    _ kind: ProbeConfiguration.Kind = .automatic,
    _ change: (inout ProbeConfiguration) -> Void = { _ in }
) -> ProbeConfiguration {
    var configuration = ProbeConfiguration(kind: kind, interval: .milliseconds(100), timeout: .seconds(5))
    change(&configuration)
    return configuration
}

/// Runs a prober for as long as `body` runs.
func withProber(
    _ configuration: ProbeConfiguration = quick(),
    _ body: @escaping @Sendable (Prober, Reports) async throws -> Void
) async throws {
    let prober = try Prober(configuration: configuration)
    let reports = Reports()
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await prober.run { reports.add($0) } }
        defer { group.cancelAll() }
        try await body(prober, reports)
    }
}

/// Runs a server that does with each connection whatever `handle` does, which owns it.
func withListener(
    _ handle: @escaping @Sendable (HTTPConnection) async throws -> Void,
    _ body: @escaping @Sendable (Int) async throws -> Void
) async throws {
    let listener = try TCPListener(host: "127.0.0.1", port: 0)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            await withDiscardingTaskGroup { group in
                while let socket = await listener.accept() {
                    group.addTask {
                        await withTaskCancellationHandler {
                            try? await handle(HTTPConnection(socket))
                        } onCancel: {
                            socket.abort()
                        }
                        socket.close()
                    }
                }
                group.cancelAll()
            }
        }
        defer { listener.close() }
        try await body(listener.address.port)
    }
}

/// Runs an HTTP server.
func withServer(
    _ handler: @escaping HTTPServer.Handler,
    _ body: @escaping @Sendable (HTTPServer, String) async throws -> Void
) async throws {
    let server = try HTTPServer(host: "127.0.0.1", port: 0, handler: handler)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await server.run() }
        defer { group.cancelAll() }
        try await body(server, "http://127.0.0.1:\(server.address.port)")
    }
}

/// A switch that any task may turn.
final class Flag: Sendable {
    private let state = Atomic(false)

    var value: Bool { self.state.load(ordering: .sequentiallyConsistent) }

    func set(_ value: Bool) { self.state.store(value, ordering: .sequentiallyConsistent) }
}
