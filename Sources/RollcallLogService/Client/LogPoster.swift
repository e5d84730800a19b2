import HTTPEngine
import Rollcall
import RollcallHTTP

/// Talks to instances of the log service.
struct LogPoster: Sendable {
    let client: HTTPClient
    let timeout: Duration

    /// Posts to an instance.
    ///
    /// - Throws: A ``BackendError`` with the code that the service names.
    func post(
        _ path: String,
        _ contentType: String,
        _ body: [UInt8],
        fields: [Problem.Header] = [],
        to instance: ServiceInstance
    ) async throws(BackendError) {
        let endpoint = try Self.endpoint(of: instance)
        let request = HTTPClient.Request(
            "POST",
            endpoint.path + path,
            at: try Origin(endpoint),
            fields: [Problem.Header("Content-Type", contentType)] + fields,
            body: body
        )
        let response: HTTPClient.Response
        do throws(ConnectionError) {
            response = try await self.client.send(request, within: self.timeout)
        } catch {
            throw ServiceCaller.failure(error, of: instance)
        }
        guard !(200..<300).contains(response.status) else { return }
        throw Self.refusal(response.status, response.body, of: instance)
    }

    static func endpoint(of instance: ServiceInstance) throws(BackendError) -> Endpoint {
        guard let endpoint = instance.endpoint(scheme: "http") else {
            throw BackendError(.unsupported, "the log service \(instance) has no http endpoint", operation: "log")
        }
        return endpoint
    }

    /// What a status other than 2xx means.
    static func refusal(_ status: Int, _ body: [UInt8], of instance: ServiceInstance) -> BackendError {
        var (code, detail) = (BackendError.Code?.none, "")
        var reader = JSONReader(body)
        // A service that answers no problem says it by its status alone.
        try? reader.object { (reader, name) throws(ValidationError) in
            switch name {
            case "code": code = BackendError.Code(named: try reader.string())
            case "detail": detail = try reader.string()
            default: try reader.skip()
            }
        }
        let usual: BackendError.Code =
            switch status {
            case 401: .unauthenticated
            case 403: .permissionDenied
            case 413: .tooLarge
            case 400..<500: .invalidArgument
            case 500...: .unavailable
            default: .protocolViolation
            }
        return BackendError(
            code ?? usual,
            "the log service at \(instance.endpoint.authority) answered \(status)"
                + (detail.isEmpty ? "" : ": \(detail.quotedForDisplay)"),
            operation: "log",
            key: instance.service.text
        )
    }
}
