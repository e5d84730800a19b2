import HTTPEngine
public import Rollcall
public import RollcallService

/// A program that shows what is registered as Consul's catalog does, whatever the backend is.
///
/// Every request asks the backend anew: no name that somebody asks for stays observed.
public final class CatalogService: Sendable {
    /// The name that it registers under.
    public static let name = ServiceName.trusting("registry-http-service")

    private let client: RollcallClient
    private let handler: CatalogHandler

    /// Creates a catalog of a client's backend.
    ///
    /// - Parameters:
    ///   - client: Gives the backend, and registers the catalog itself. Whoever owns it runs it.
    ///   - datacenter: What is shown as the data centre of an instance that names no zone.
    ///   - log: Where it says what could not be read.
    public init(client: RollcallClient, datacenter: String = "default", log: Log = .silent) {
        self.client = client
        let reader = CatalogReader(backend: client.registry, log: log.component("catalog"))
        self.handler = CatalogHandler(datacenter: datacenter) { (service) async throws(BackendError) in
            try await reader.instances(of: service)
        }
    }

    /// Makes what runs it, as the service `registry-http-service`.
    ///
    /// - Parameters:
    ///   - host: The numeric address to listen on.
    ///   - port: The port; 0 for one that is free.
    ///   - advertisedHost: The name or address that callers use; by default `host`.
    ///   - configuration: How to behave.
    /// - Returns: The runner.
    public func runner(
        host: String = "127.0.0.1",
        port: Int = 5454,
        advertisedHost: String? = nil,
        configuration: ServiceRunnerConfiguration = ServiceRunnerConfiguration()
    ) -> ServiceRunner {
        let handler = self.handler
        return ServiceRunner(
            service: Self.name,
            client: self.client,
            configuration: configuration,
            host: host,
            port: port,
            advertisedHost: advertisedHost
        ) { try await handler.answer($0) }
    }
}

/// Reads instances from a backend, without observing anything.
struct CatalogReader: Sendable {
    /// How many services are read at once.
    private static let width = 8

    let backend: any RegistryBackend
    let log: Log

    /// The instances of a service, or of all.
    ///
    /// - Throws: A ``BackendError`` when the one that was asked for, or every one, cannot be read.
    func instances(of service: ServiceName?) async throws(BackendError) -> [ServiceInstance] {
        if let service { return try await self.backend.instances(of: service).instances }
        let names = try await self.backend.services().map(\.service)
        let results = await withTaskGroup(of: Result<[ServiceInstance], BackendError>.self) { group in
            var rest = names[...]
            for name in rest.prefix(Self.width) { group.addTask { await self.read(name) } }
            rest = rest.dropFirst(Self.width)
            var results: [Result<[ServiceInstance], BackendError>] = []
            while let result = await group.next() {
                results.append(result)
                if let name = rest.popFirst() { group.addTask { await self.read(name) } }
            }
            return results
        }
        // One that cannot be read does not take the others along.
        let found = results.compactMap { try? $0.get() }
        guard let first = results.first, found.isEmpty else { return found.flatMap(\.self) }
        return try first.get()
    }

    private func read(_ service: ServiceName) async -> Result<[ServiceInstance], BackendError> {
        do throws(BackendError) {
            return .success(try await self.backend.instances(of: service).instances)
        } catch {
            self.log(.warning, "\(service) is left out of the catalog: \(error)")
            return .failure(error)
        }
    }
}
