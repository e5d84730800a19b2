import HTTPEngine
import Rollcall
import RollcallCatalog

/// Answers requests of the hub's API.
struct HubAPI: Sendable {
    let store: HubStore
    let metrics: HubMetrics
    let clock: TimeSource
    let bridge: TutorialBridge
    let checks: HubChecks
    let callers: CallerRules
    let readers: ConfigReaders

    /// Answers one request.
    ///
    /// - Throws: What becomes a problem.
    func answer(_ exchange: HTTPExchange) async throws {
        try self.callers.check(exchange.head)
        guard !exchange.head.path.hasPrefix(CatalogHandler.prefix) else { return try await self.catalog(exchange) }
        let route = try HubRoute(of: exchange.head)
        let request = try HubRequest(exchange)
        switch route {
        case .console, .live, .ready, .status, .metrics, .description: try self.page(route, request)
        case .services: try self.services(request)
        case .service(let service): try await self.service(service, request)
        case .checks(let service): try self.checks(service, request)
        case .instance(let service, let id): try await self.instance(id, of: service, request)
        case .lease(let service, let id): try self.renew(id, of: service, request)
        case .leases: try await self.renewAll(request)
        case .watch: try await self.watch(request)
        case .tutorial: try await self.tutorial(request)
        case .configs: try self.configs(request)
        case .config(let path): try await self.config(path, request)
        case .configWatch: try await self.configWatch(request)
        case .configBatch: try await self.configBatch(request)
        case .configReaders: try await self.configReaders(request)
        case .lock(let name): try await self.lock(name, request)
        case .backup: try await self.backup(request)
        }
    }

    /// What the hub tells of itself.
    private func page(_ route: HubRoute, _ request: HubRequest) throws {
        try request.checkQuery()
        let exchange = request.exchange
        switch route {
        case .console: ConsolePage.respond(to: exchange)
        case .ready where !self.store.isWritable:
            throw Problem(status: 503, code: .unavailable, "the journal cannot be written: no change is taken")
        case .status: request.respond(json: self.metrics.status(of: self.store, self.checks))
        case .metrics:
            exchange.respond(200, "text/plain; version=0.0.4", body: self.metrics.text(of: self.store, self.checks))
        case .description: exchange.respond(200, "application/yaml", body: PackageResources.openapi_yaml)
        default: exchange.respond(200, "text/plain", body: Array("ok\n".utf8))
        }
    }

    func header(revision: UInt64) -> [Problem.Header] {
        [
            Problem.Header("ETag", "\"\(self.store.epoch).\(revision)\""),
            Problem.Header("Rollcall-Revision", "\(revision)"),
        ]
    }

    /// Whether the caller has the answer with this tag already.
    func isKnown(_ request: HubRequest, revision: UInt64) -> Bool {
        request.holds(tag: "\(self.store.epoch).\(revision)")
    }
}
