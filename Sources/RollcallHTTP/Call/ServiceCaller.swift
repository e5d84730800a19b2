package import HTTPEngine
public import Rollcall

/// Calls services by their names, over HTTP/1.1.
///
/// Discovery chooses the instance, and connections are kept. It follows no redirects, keeps no cookies and has no TLS:
/// for those, give ``Rollcall/Discovery/withInstance(of:key:where:attempts:within:retryingIf:judging:_:)`` another client.
///
/// ```swift
/// let caller = try ServiceCaller(discovery: client.discovery)
/// let answer = try await caller.call(users, ServiceRequest("/users/7"))
/// ```
public struct ServiceCaller: Sendable {
    /// Finds the instances.
    public let discovery: Discovery
    /// How long one attempt may take.
    public let timeout: Duration
    /// How many instances are tried at most.
    public let attempts: Int
    /// The connections.
    package let client: HTTPClient

    /// Creates a caller with connections of its own.
    ///
    /// - Parameters:
    ///   - discovery: Finds the instances. Whoever owns its client runs it.
    ///   - timeout: How long one attempt may take; 5 seconds by default.
    ///   - attempts: How many instances are tried at most; 3 by default.
    /// - Throws: `unavailable` when the process has no descriptor left.
    public init(
        discovery: Discovery,
        timeout: Duration = .seconds(5),
        attempts: Int = 3
    ) throws(BackendError) {
        self.discovery = discovery
        self.timeout = timeout
        self.attempts = max(attempts, 1)
        self.client = try HTTPClient()
    }

    /// Sends a request to an instance of a service, and to another one when that does no harm.
    ///
    /// That is when the instance could not be connected to, or when the request is idempotent and no response came. A
    /// response is an answer, whatever its status.
    ///
    /// - Parameters:
    ///   - service: The service.
    ///   - request: The request.
    ///   - key: What the balancer may go by.
    /// - Returns: The response.
    /// - Throws: `notFound` when no instance may be called, as ``Rollcall/Discovery/instance(of:key:where:within:)``; else
    ///   as ``send(_:to:)``.
    public func call(
        _ service: ServiceName,
        _ request: ServiceRequest,
        key: String? = nil
    ) async throws(BackendError) -> ServiceResponse {
        do {
            return try await self.discovery.withInstance(
                of: service,
                key: key,
                attempts: self.attempts,
                retryingIf: { Self.isRepeatable(request, after: $0) },
                { try await self.send(request, to: $0) }
            )
        } catch let error as BackendError {
            throw error
        } catch {
            throw BackendError(.cancelled, "\(error)", operation: "call", key: service.text, cause: error)
        }
    }

    /// Whether a request may be sent to another instance after it failed at one.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - error: What ``send(_:to:)`` threw.
    /// - Returns: True when the request did not arrive, or may arrive twice and was not answered.
    public static func isRepeatable(_ request: ServiceRequest, after error: any Error) -> Bool {
        guard let error = error as? BackendError else { return false }
        switch error.code {
        case .unavailable, .timeout: return error.applied == .no || request.isIdempotent
        default: return false
        }
    }

    /// Sends a request to one instance.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - instance: The instance; its first `http` endpoint is called, whose path comes before the request's.
    /// - Returns: The response, whatever its status.
    /// - Throws: `unavailable` when the instance cannot be reached or breaks off, `timeout`, `cancelled`;
    ///   `protocolViolation` for an answer that is no HTTP/1.1 or larger than 16 MiB; `unsupported` for an instance
    ///   without an `http` endpoint. ``Rollcall/BackendError/applied`` says whether the request may have arrived.
    public func send(
        _ request: ServiceRequest,
        to instance: ServiceInstance
    ) async throws(BackendError) -> ServiceResponse {
        let wire = try Self.wire(request, to: instance)
        let response: HTTPClient.Response
        do throws(ConnectionError) {
            response = try await self.client.send(wire, within: self.timeout)
        } catch {
            throw Self.failure(error, of: instance)
        }
        let fields = response.head.fields
        return ServiceResponse(
            status: response.status,
            fields: fields.indices.map { MessageField(unchecked: fields.name(at: $0), fields.value(at: $0)) },
            body: response.body
        )
    }

    /// A request as it is sent to an instance.
    package static func wire(
        _ request: ServiceRequest,
        to instance: ServiceInstance
    ) throws(BackendError) -> HTTPClient.Request {
        guard let endpoint = instance.endpoint(scheme: "http") else {
            throw BackendError(
                .unsupported,
                "\(instance) has no http endpoint",
                operation: "call",
                key: instance.service.text
            )
        }
        let prefix = endpoint.path == "/" ? "" : endpoint.path
        return HTTPClient.Request(
            request.method,
            prefix + request.target,
            at: try Origin(endpoint),
            fields: request.fields.map { Problem.Header($0.name, $0.value) },
            body: request.body
        )
    }

    /// What a connection's end means.
    package static func failure(_ error: ConnectionError, of instance: ServiceInstance) -> BackendError {
        let code: BackendError.Code =
            switch error.kind {
            case _ where Task.isCancelled: .cancelled
            case .timeout: .timeout
            case .malformed: .protocolViolation
            case .untrusted: .unauthenticated
            case .refused, .closed, .broken: .unavailable
            }
        return BackendError(
            code,
            "\(instance.service) at \(instance.endpoint.authority) did not answer: \(error)",
            operation: "call",
            key: instance.service.text,
            cause: error,
            applied: error.kind == .refused ? .no : .unknown
        )
    }
}
