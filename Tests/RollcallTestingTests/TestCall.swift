import Foundation
import HTTPEngine

/// A request to a server that a test started.
struct TestCall {
    let port: Int
    var token: String?

    struct Refused: Error {
        let status: Int
        let body: String
    }

    /// Sends a request: POST with a body, GET without.
    func send(
        _ target: String,
        _ body: String = "",
        method: String? = nil,
        within limit: Duration = .seconds(10),
        allowing status: Int = 200
    ) async throws -> String {
        let request = HTTPClient.Request(
            method ?? (body.isEmpty ? "GET" : "POST"),
            target,
            at: Origin(host: "127.0.0.1", port: self.port),
            fields: self.token.map { [.init("X-Consul-Token", $0)] } ?? [],
            body: Array(body.utf8)
        )
        let response = try await HTTPClient().send(request, within: limit)
        let text = String(decoding: response.body, as: UTF8.self)
        guard response.status == 200 || response.status == status else {
            throw Refused(status: response.status, body: text)
        }
        return text
    }

    /// Stores a value in etcd.
    func put(_ key: String, _ value: String) async throws -> String {
        try await self.send("/v3/kv/put", #"{"key":"\#(Self.base64(key))","value":"\#(Self.base64(value))"}"#)
    }

    /// Reads a value of etcd.
    func get(_ key: String) async throws -> String? {
        struct Answer: Decodable {
            struct Pair: Decodable { let value: Data }
            let kvs: [Pair]?
        }
        let text = try await self.send("/v3/kv/range", #"{"key":"\#(Self.base64(key))"}"#)
        let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
        return answer.kvs?.first.map { String(decoding: $0.value, as: UTF8.self) }
    }

    private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
}
