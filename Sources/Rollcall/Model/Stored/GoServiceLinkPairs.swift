/// How programs on go-service-link tell where an instance is: pairs of the metadata.
package struct GoServiceLinkPairs: Hashable, Sendable {
    /// The host.
    package var host: String
    /// The port of HTTP; empty for none.
    package var httpPort: String
    /// The port of gRPC; empty for none.
    package var grpcPort: String

    /// What stands in metadata.
    package init(metadata: [String: String]) {
        self.host = metadata["host"] ?? ""
        self.httpPort = metadata["http_port"] ?? ""
        self.grpcPort = metadata["grpc_port"] ?? ""
    }

    /// What is told of an instance: the host of its primary endpoint, and the ports of the first of each scheme.
    package init(_ instance: ServiceInstance) {
        let http = instance.endpoints.first { $0.scheme == "http" || $0.scheme == "https" }
        let grpc = instance.endpoints.first { $0.scheme == "grpc" }
        self.host = instance.endpoints.first?.host ?? ""
        self.httpPort = http.map { "\($0.port)" } ?? ""
        self.grpcPort = grpc.map { "\($0.port)" } ?? ""
    }

    /// The pairs.
    package var metadata: [String: String] {
        ["host": self.host, "http_port": self.httpPort, "grpc_port": self.grpcPort]
    }

    /// The endpoints that are meant.
    ///
    /// - Returns: None where there is no port.
    /// - Throws: A ``ValidationError`` for a host or port that is none.
    package func endpoints() throws(ValidationError) -> [Endpoint] {
        let name = self.host.contains(":") && !self.host.hasPrefix("[") ? "[\(self.host)]" : self.host
        var endpoints: [Endpoint] = []
        for (scheme, port) in [("http", self.httpPort), ("grpc", self.grpcPort)] where !port.isEmpty {
            endpoints.append(try Endpoint("\(scheme)://\(name):\(port)"))
        }
        return endpoints
    }
}
