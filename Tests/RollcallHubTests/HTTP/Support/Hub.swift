import HTTPEngine
import Rollcall
import RollcallHub
import Testing

/// A hub on a free port, and a client of its HTTP API.
typealias Hub = HubCaller<HubServer>

/// A server of the hub's API on a free port, and a client; every answer is held against the hub's description.
struct HubCaller<Server: Sendable>: Sendable {
    let server: Server
    let origin: Origin
    let client: HTTPClient

    init(_ server: Server, port: Int) throws {
        self.server = server
        self.origin = Origin(host: "127.0.0.1", port: port)
        self.client = try HTTPClient()
    }

    /// Sends a request and receives the answer.
    func call(
        _ method: String,
        _ target: String,
        _ body: String? = nil,
        headers: [String: String] = [:]
    ) async throws -> Answer {
        try await self.call(method, target, bytes: Array((body ?? "").utf8), headers: headers)
    }

    /// Sends a request with any bytes as its body.
    func call(
        _ method: String,
        _ target: String,
        bytes: [UInt8],
        headers: [String: String] = [:]
    ) async throws -> Answer {
        let fields = headers.map { Problem.Header($0.key, $0.value) }
        let request = HTTPClient.Request(method, target, at: self.origin, fields: fields, body: bytes)
        let response = try await self.client.send(request, within: .seconds(30))
        let answer = Answer(head: response.head, body: response.body)
        try APIDescription.builtIn.get()
            .check(method, target.prefix { $0 != "?" }, status: answer.status, head: answer.head, body: answer.body)
        return answer
    }

    /// Registers an instance and returns its lease's secret.
    @discardableResult
    func register(
        _ id: String,
        of service: String = "web",
        query: String = "",
        _ body: String = #"{"endpoints":["http://127.0.0.1:8080"]}"#,
        headers: [String: String] = [:]
    ) async throws -> String {
        let answer = try await self.call(
            "PUT",
            "/v1/services/\(service)/instances/\(id)\(query)",
            body,
            headers: headers
        )
        try #require(answer.status == 200, "\(answer)")
        return try #require(answer.json["lease"]?["secret"]?.text)
    }

    /// Sends bytes as they are and returns all that comes back until the hub closes the connection.
    func raw(_ text: String, within limit: Duration = .seconds(10)) async throws -> String {
        let connection = try await self.connect()
        defer { connection.socket.close() }
        let deadline = connection.socket.loop.clock.now.advanced(by: limit)
        try await connection.socket.write(Array(text.utf8), until: deadline)
        while (try? await connection.receive(until: deadline)) == true {}
        return String(decoding: connection.takeReceived(), as: UTF8.self)
    }

    /// A connection of one's own.
    func connect() async throws -> HTTPConnection {
        let pool = ConnectionPool(loop: try EventLoops.running().next())
        return HTTPConnection(try await pool.connect(to: self.origin))
    }
}

/// What the hub answered.
struct Answer: Sendable, CustomStringConvertible {
    let head: ResponseHead
    let body: [UInt8]

    var status: Int { self.head.status }

    var text: String { String(decoding: self.body, as: UTF8.self) }

    var json: JSONTree { (try? JSONTree(json: self.body)) ?? .null }

    /// The `code` of a problem.
    var code: String? { self.json["code"]?.text }

    /// The `field` of a problem.
    var field: String? { self.json["field"]?.text }

    /// The ids of a snapshot's instances.
    var ids: [String] { self.json["instances"]?.list.compactMap { $0["id"]?.text } ?? [] }

    var tag: String? { self.head.fields.first("etag") }

    var revision: Int? { self.head.fields.first("rollcall-revision").flatMap { Int($0) } }

    /// The part of the tag before the point.
    var epoch: String? { self.tag.map { String($0.dropFirst().prefix { $0 != "." }) } }

    var description: String { "\(self.status) \(self.text)" }
}

/// Runs a hub for as long as `body` runs.
func withHub<Value: Sendable>(
    folder: String? = nil,
    _ body: @escaping @Sendable (Hub) async throws -> Value
) async throws -> Value {
    try await withHub(HubServer.Configuration(port: 0, folder: folder), body)
}

/// Runs a hub for as long as `body` runs.
func withHub<Value: Sendable>(
    _ configuration: HubServer.Configuration,
    _ body: @escaping @Sendable (Hub) async throws -> Value
) async throws -> Value {
    let server = try HubServer(configuration)
    let hub = try Hub(server, port: server.port)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await hub.server.run() }
        defer { group.cancelAll() }
        return try await body(hub)
    }
}
