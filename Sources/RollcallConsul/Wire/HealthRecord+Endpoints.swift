import Rollcall

extension HealthRecord {
    /// The endpoints that records have where no layout says otherwise: its own place and those that it names by schemes.
    var usualEndpoints: [Endpoint] {
        let host = self.address.isEmpty ? self.nodeAddress : self.address
        var endpoints: [Endpoint] = []
        let named = ["scheme", "protocol"].compactMap { self.meta[$0] }.first ?? "http"
        for scheme in [named, "http"] where endpoints.isEmpty {
            if let endpoint = try? Endpoint(scheme: scheme, host: host, port: self.port) { endpoints = [endpoint] }
        }
        for (tag, place) in self.places.sorted(by: { $0.key < $1.key }) {
            // Consul writes these by itself.
            let isConsul = ["lan", "wan", "virtual"].contains {
                tag == $0 || tag.hasPrefix($0 + "_") || tag.hasPrefix("consul-")
            }
            guard !isConsul, let endpoint = Self.endpoint(tag, place), !endpoints.contains(endpoint) else { continue }
            // The same place under the name that the program gave to it is no second one.
            if let first = endpoints.first, endpoints.count == 1, first.host == endpoint.host,
                first.port == endpoint.port
            {
                endpoints = [endpoint]
            } else {
                endpoints.append(endpoint)
            }
        }
        return endpoints
    }

    /// A tagged address: a host and a port under the scheme, or the whole URL as some programs write it.
    private static func endpoint(_ tag: String, _ place: Place) -> Endpoint? {
        if place.address.contains("://") { return try? Endpoint(place.address) }
        return try? Endpoint(scheme: tag, host: place.address, port: place.port)
    }
}
