import Foundation
import HTTPEngine
import Rollcall
import RollcallConsul
import RollcallTesting

/// A Consul that a test started, and plain calls of its API, as other programs make them.
struct RealConsul: Sendable {
    let server: ConsulServer
    let port: Int
    var token: String?

    /// Runs a Consul for as long as `body` runs.
    static func run(
        _ program: ServerProgram,
        token: String? = nil,
        tls: ServerTLS? = nil,
        settings: [String] = [],
        _ body: (RealConsul) async throws -> Void
    ) async throws {
        let configuration = ConsulServer.Configuration(
            tls: tls,
            managementToken: token,
            settings: ["session_ttl_min = \"1s\""] + settings
        )
        try await ConsulServer.withServer(program, configuration) { server in
            try await body(RealConsul(server: server, port: server.httpPort, token: token))
        }
    }

    /// A driver of it.
    func backend(
        port: Int? = nil,
        _ change: (inout ConsulBackend.Configuration) -> Void = { _ in }
    ) throws -> ConsulBackend {
        var configuration = ConsulBackend.Configuration()
        configuration.minimumSessionTTL = .seconds(1)
        configuration.credentials.token = self.token
        change(&configuration)
        return try ConsulBackend(url: "consul://127.0.0.1:\(port ?? self.port)", configuration: configuration)
    }

    /// A driver of it by TLS.
    func secure(
        _ query: String,
        host: String = "localhost",
        port: Int? = nil,
        _ change: (inout ConsulBackend.Configuration) -> Void = { _ in }
    ) throws -> ConsulBackend {
        var configuration = ConsulBackend.Configuration()
        configuration.minimumSessionTTL = .seconds(1)
        configuration.credentials.token = self.token
        change(&configuration)
        let url = "consul+https://\(host):\(port ?? self.server.httpsPort)?\(query)"
        return try ConsulBackend(url: url, configuration: configuration)
    }

    /// A call that must succeed.
    @discardableResult
    func call(_ method: String, _ target: String, _ body: String = "") async throws -> String {
        let response = try await self.raw(method, target, body)
        guard response.status == 200 else { throw BackendError(.unavailable, "\(target): \(response)") }
        return response.body
    }

    /// A call with any answer.
    func raw(_ method: String, _ target: String, _ body: String = "") async throws -> (status: Int, body: String) {
        let request = HTTPClient.Request(
            method,
            target,
            at: Origin(host: "127.0.0.1", port: self.port),
            fields: self.token.map { [Problem.Header("X-Consul-Token", $0)] } ?? [],
            body: Array(body.utf8)
        )
        let response = try await HTTPClient().send(request, within: .seconds(10))
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    /// An answer as objects of Foundation.
    func json(_ target: String) async throws -> Any {
        try JSONSerialization.jsonObject(with: Data(try await self.call("GET", target).utf8))
    }
}
