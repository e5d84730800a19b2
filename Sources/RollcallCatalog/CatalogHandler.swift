package import HTTPEngine
package import Rollcall

/// Answers `GET /v1/catalog/service/{name}` as Consul's catalog does, from whatever knows the instances.
///
/// `{name}` is percent-encoded; `*` stands for every service. `?indent` is for people. A service that nobody
/// registered is an empty list.
package struct CatalogHandler: Sendable {
    /// Gives the instances of a service, or of all for `nil`.
    package typealias Source = @Sendable (ServiceName?) async throws(BackendError) -> [ServiceInstance]

    /// What every path that it answers begins with.
    package static let prefix = "/v1/catalog/service/"

    private let datacenter: String
    private let parameters: Set<String>
    private let instances: Source

    /// Creates a handler.
    ///
    /// - Parameters:
    ///   - datacenter: What is shown as the data centre of an instance that names no zone.
    ///   - parameters: Names in queries, beside `indent`, that the caller has seen to.
    ///   - instances: Gives the instances. It is asked once a request, and should leave nothing behind.
    package init(datacenter: String = "default", parameters: Set<String> = [], instances: @escaping Source) {
        self.datacenter = datacenter
        self.parameters = parameters
        self.instances = instances
    }

    /// Answers a request.
    ///
    /// - Parameter exchange: The request.
    /// - Throws: What becomes a problem: 404 for another path, 405, and 400 for a name or query that is none.
    package func answer(_ exchange: HTTPExchange) async throws {
        let path = exchange.head.path
        guard path.hasPrefix(Self.prefix) else {
            throw Problem(status: 404, code: .notFound, "there is no \(String(path).quotedForDisplay) here")
        }
        guard exchange.head.method == "GET" || exchange.head.method == "HEAD" else {
            throw Problem(
                status: 405,
                code: .unsupported,
                "\(exchange.head.method.quotedForDisplay) is not a method of this address",
                headers: [Problem.Header("Allow", "GET, HEAD")]
            )
        }
        let service = try Self.service(path.dropFirst(Self.prefix.count))
        let query = try Query(exchange.head.query)
        try query.check { $0 == "indent" || self.parameters.contains($0) }
        let json = self.json(try await self.instances(service))
        let isIndented = query["indent"].map { $0 != "false" && $0 != "0" } ?? false
        exchange.respond(200, "application/json", body: isIndented ? IndentedJSON.of(json) : json)
    }

    private func json(_ instances: [ServiceInstance]) -> [UInt8] {
        var writer = JSONWriter(capacity: 64 + instances.count * 256)
        let ordered = instances.sorted { ($0.service, $0.id) < ($1.service, $1.id) }
        writer.array { writer in
            for instance in ordered {
                CatalogEntry(instance: instance, datacenter: self.datacenter).write(to: &writer)
            }
        }
        return writer.bytes
    }

    private static func service(_ text: Substring) throws(ValidationError) -> ServiceName? {
        guard !text.contains("/") else {
            throw ValidationError(
                field: "service",
                message: "\(text.quotedForDisplay) has a '/', which within a name is written %2F"
            )
        }
        let name = try PercentEncoding.decode(text, field: "service")
        return name == "*" ? nil : try ServiceName(name)
    }
}
