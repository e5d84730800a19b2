import HTTPEngine
import Rollcall
import RollcallHubClient

/// Runs a server that answers whatever a test wants, and a driver that takes it for a hub.
func withFakeHub<Value: Sendable>(
    timeout: Duration = .seconds(5),
    silenceLimit: Duration = .seconds(15),
    _ handler: @escaping HTTPServer.Handler,
    _ body: @escaping @Sendable (HubBackend) async throws -> Value
) async throws -> Value {
    let server = try HTTPServer(host: "127.0.0.1", port: 0, handler: handler)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await server.run() }
        defer { group.cancelAll() }
        let configuration = HubBackend.Configuration(timeout: timeout, silenceLimit: silenceLimit)
        let url = "hub://127.0.0.1:\(server.address.port)"
        return try await body(try HubBackend(url: url, configuration: configuration))
    }
}

/// Runs a server that sends bytes as they are to everyone who has sent a head, and then closes.
func withRawHub<Value: Sendable>(
    _ bytes: [UInt8],
    timeout: Duration = .seconds(5),
    _ body: @escaping @Sendable (HubBackend) async throws -> Value
) async throws -> Value {
    let listener = try TCPListener(host: "127.0.0.1", port: 0)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            await withDiscardingTaskGroup { connections in
                while let socket = await listener.accept() {
                    connections.addTask {
                        let connection = HTTPConnection(socket)
                        let deadline = socket.loop.clock.now.advanced(by: .seconds(10))
                        _ = try? await connection.receive(until: deadline)
                        try? await socket.write(bytes, until: deadline)
                        socket.finishWriting()
                        while (try? await connection.receive(until: deadline)) == true { _ = connection.takeReceived() }
                        socket.close()
                    }
                }
            }
        }
        defer { listener.close() }
        let configuration = HubBackend.Configuration(timeout: timeout)
        let url = "hub://127.0.0.1:\(listener.address.port)"
        return try await body(try HubBackend(url: url, configuration: configuration))
    }
}

extension ServiceInstance {
    /// An instance of `web`.
    static func sample(_ id: String, of service: String = "web") throws -> ServiceInstance {
        try ServiceInstance(
            service: ServiceName(service),
            id: InstanceID(id),
            endpoints: [Endpoint("http://127.0.0.1:8080")]
        )
    }
}

/// Every call of the driver that is answered once.
enum DriverCall: String, CaseIterable, Sendable {
    case register
    case instances
    case services
    case amend
    case remove
    case resume

    /// Whether the hub may have done it although no answer came.
    var changes: Bool { self != .instances && self != .services }

    func run(_ backend: HubBackend) async throws(BackendError) {
        do {
            let instance = try ServiceInstance.sample("a")
            switch self {
            case .register: _ = try await backend.register(instance, ttl: .seconds(10))
            case .instances: _ = try await backend.instances(of: instance.service)
            case .services: _ = try await backend.services()
            case .amend: _ = try await backend.amend(instance.service, id: instance.id, InstanceChange(weight: 1))
            case .remove: try await backend.remove(instance.service, id: instance.id)
            case .resume:
                let token = LeaseToken(service: instance.service, id: instance.id, secret: "s")
                _ = try await backend.lease(resuming: token)
            }
        } catch {
            throw error as? BackendError ?? BackendError(.unsupported, "\(error)")
        }
    }
}
