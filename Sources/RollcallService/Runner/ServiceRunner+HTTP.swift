import HTTPEngine
public import Rollcall
public import RollcallHTTP

extension ServiceRunner {
    /// Creates a runner of an HTTP/1.1 server whose requests and responses are whole: no streams, no TLS.
    ///
    /// For a server of another kind, such as one of gRPC or a web framework, there is ``ServiceServer``.
    ///
    /// ```swift
    /// let runner = ServiceRunner(service: hello, client: client, port: 8001) { request in
    ///     ServiceResponse(text: "hello from \(request.path)")
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - service: The name to register under.
    ///   - client: Where to register and to look required services up. Whoever owns it runs it.
    ///   - configuration: How to behave.
    ///   - host: The numeric address to listen on.
    ///   - port: The port; 0 for one that is free.
    ///   - advertisedHost: The name or address that callers use; by default `host`.
    ///   - maximumBody: The most bytes that a request's body may have; 1 MiB by default. A longer one is answered 413.
    ///   - respond: Answers a request, in as many tasks as there are connections. A
    ///     ``Rollcall/ValidationError`` that it throws is answered 400, a ``Rollcall/BackendError`` by its code, another
    ///     error 500; the text of the latter goes to the configuration's log, not to the caller.
    public convenience init(
        service: ServiceName,
        client: RollcallClient,
        configuration: ServiceRunnerConfiguration = ServiceRunnerConfiguration(),
        host: String = "127.0.0.1",
        port: Int,
        advertisedHost: String? = nil,
        maximumBody: Int = 1 << 20,
        respond: @escaping @Sendable (ServiceRequest) async throws -> ServiceResponse
    ) {
        var limits = HTTPServer.Configuration()
        limits.log = configuration.log.component("http")
        self.init(
            service: service,
            client: client,
            configuration: configuration,
            host: host,
            port: port,
            advertisedHost: advertisedHost,
            limits: limits,
            handler: { exchange in
                let response = try await respond(try await exchange.serviceRequest(maximumBody: max(maximumBody, 0)))
                exchange.respond(
                    response.status,
                    headers: response.fields.map { Problem.Header($0.name, $0.value) },
                    body: [204, 304].contains(response.status) ? [] : response.body
                )
            }
        )
    }
}

extension HTTPExchange {
    /// The request as a service sees it, with its whole body.
    fileprivate func serviceRequest(maximumBody: Int) async throws -> ServiceRequest {
        let fields = self.head.fields
        return ServiceRequest(
            unchecked: self.head.method,
            self.head.target,
            fields: fields.indices.map { MessageField(unchecked: fields.name(at: $0), fields.value(at: $0)) },
            body: try await self.readBody(limit: maximumBody)
        )
    }
}
