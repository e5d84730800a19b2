import HTTPEngine
import Rollcall
import RollcallCatalog

extension HubAPI {
    /// The Consul-style catalog.
    func catalog(_ exchange: HTTPExchange) async throws {
        let namespace = try HubRequest(exchange).namespace
        let store = self.store
        let handler = CatalogHandler(parameters: ["ns"]) { (service) async throws(BackendError) in
            if let service { return try store.instances(of: service, in: namespace).instances }
            var instances: [ServiceInstance] = []
            for summary in try store.services(in: namespace) {
                instances += try store.instances(of: summary.service, in: namespace).instances
            }
            return instances
        }
        try await handler.answer(exchange)
    }
}
