import HTTPEngine
import Rollcall

/// A request to a server that a test started, for those that look after the server rather than test it.
package struct ServerCall: Sendable {
    /// The port on 127.0.0.1.
    package let port: Int
    /// What Consul is shown, if it wants to see a token.
    package var consulToken: String?

    /// Names a server.
    package init(port: Int, consulToken: String? = nil) {
        self.port = port
        self.consulToken = consulToken
    }

    /// Sends a request.
    ///
    /// - Parameters:
    ///   - method: Its method.
    ///   - target: Its path and query.
    ///   - body: Its body.
    /// - Returns: The status and the body, or `nil` when no answer came.
    package func send(
        _ method: String = "GET",
        _ target: String,
        _ body: String = ""
    ) async -> (status: Int, body: String)? {
        let request = HTTPClient.Request(
            method,
            target,
            at: Origin(host: "127.0.0.1", port: self.port),
            fields: self.consulToken.map { [.init("X-Consul-Token", $0)] } ?? [],
            body: Array(body.utf8)
        )
        guard let client = try? HTTPClient(),
            let response = try? await client.send(request, within: .seconds(5))
        else { return nil }
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }
}
