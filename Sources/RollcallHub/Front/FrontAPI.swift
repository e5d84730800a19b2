import HTTPEngine
import Rollcall
import RollcallCatalog

/// Answers requests of the hub's API from an engine.
struct FrontAPI: Sendable {
    let hub: FrontHub
    let metrics: FrontMetrics
    let callers: CallerRules
    let clock: TimeSource

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
        default:
            try await self.hub.using(request.namespace) { space in
                try await self.answer(route, request, space)
            }
        }
    }

    private func answer(_ route: HubRoute, _ request: HubRequest, _ space: FrontSpace) async throws {
        switch route {
        case .services: try await self.services(request, space)
        case .service(let service): try await self.service(service, request, space)
        case .instance(let service, let id): try await self.instance(id, of: service, request, space)
        case .lease(let service, let id): try await self.renew(id, of: service, request, space)
        case .leases: try await self.renewAll(request, space)
        case .watch: try await self.watch(request, space)
        case .configs: try await self.configs(request, space)
        case .config(let path): try await self.config(path, request, space)
        case .configWatch: try await self.configWatch(request, space)
        case .configBatch: try await self.configBatch(request, space)
        case .lock(let name): try await self.lock(name, request, space)
        case .checks: throw self.unsupported("active checks are", space)
        case .tutorial: throw self.unsupported("the tutorial's protocol is", space)
        case .configReaders: throw self.unsupported("who runs which configuration is", space)
        case .backup: throw self.unsupported("a copy of all configuration is", space)
        case .console, .live, .ready, .status, .metrics, .description: try self.page(route, request)
        }
    }

    /// What an engine does not carry.
    func unsupported(_ what: String, _ space: FrontSpace) -> BackendError {
        BackendError(
            .unsupported,
            "\(what) not to be had from a hub in front of \(space.engine.name); /v1/status lists its features"
        )
    }

    private func page(_ route: HubRoute, _ request: HubRequest) throws {
        try request.checkQuery()
        let exchange = request.exchange
        switch route {
        case .console: ConsolePage.respond(to: exchange)
        case .ready:
            // Before the first answer nobody knows.
            guard let health = self.hub.health, health.isReachable, health.canRead else {
                let message = self.hub.health?.message ?? "it was not asked yet"
                throw Problem(status: 503, code: .unavailable, "the engine behind this hub does not answer: \(message)")
            }
            exchange.respond(200, "text/plain", body: Array("ok\n".utf8))
        case .status: request.respond(json: self.metrics.status(of: self.hub))
        case .metrics: exchange.respond(200, "text/plain; version=0.0.4", body: self.metrics.text(of: self.hub))
        case .description: exchange.respond(200, "application/yaml", body: PackageResources.openapi_yaml)
        default: exchange.respond(200, "text/plain", body: Array("ok\n".utf8))
        }
    }

    private func catalog(_ exchange: HTTPExchange) async throws {
        try await self.hub.using(try HubRequest(exchange).namespace) { space in
            let engine = space.engine
            let handler = CatalogHandler(parameters: ["ns"]) { (service) async throws(BackendError) in
                if let service { return try await engine.instances(of: service).instances }
                var instances: [ServiceInstance] = []
                for summary in try await engine.services() {
                    instances += try await engine.instances(of: summary.service).instances
                }
                return instances
            }
            try await handler.answer(exchange)
        }
    }

    /// The headers of an answer about one service.
    func header(revision: UInt64) -> [Problem.Header] {
        [
            Problem.Header("ETag", "\"\(self.hub.epoch).\(revision)\""),
            Problem.Header("Rollcall-Revision", "\(revision)"),
        ]
    }
}
