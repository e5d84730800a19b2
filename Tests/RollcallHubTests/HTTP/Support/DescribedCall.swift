import HTTPEngine
import Rollcall
import Testing

@testable import RollcallHub

/// A call of an operation of the description, on something of its own where the operation changes it.
struct DescribedCall {
    private let method: String
    private let template: String
    private let key: String
    private let lock: String
    private var query = ""
    private var headers: [String: String]

    init(_ method: String, _ template: String, number: Int, secret: String) {
        self.method = method
        self.template = template
        self.key = "limits-\(number)"
        self.lock = "nightly-\(number)"
        self.headers = ["Rollcall-Lease": secret]
    }

    /// What is called.
    var target: String {
        self.template.replacing("{service}", with: "web").replacing("{id}", with: "web-1")
            .replacing("{key}", with: self.key).replacing("{version}", with: "1")
            .replacing("{lock}", with: self.lock) + self.query
    }

    /// Sets a parameter to its example.
    mutating func add(_ parameter: JSONTree) throws {
        let name = try #require(parameter["name"]?.text).replacing("{key}", with: "team")
        let example = try #require(parameter["example"], "\(name) has no example")
        let value = example.text ?? "\(Int(example.number ?? 0))"
        switch parameter["in"] {
        case .text("query"): self.query = "?\(name)=\(PercentEncoding.encode(value))"
        case .text("header"): if name != "Rollcall-Lease" { self.headers[name] = value }
        default: break
        }
    }

    /// Sends the call once there is what it is about.
    func status(_ hub: Hub) async throws -> Int {
        let headers = try await self.prepare(hub)
        var target = self.target
        if self.template.hasSuffix("/rollback"), !self.query.hasPrefix("?to=") {
            target += (self.query.isEmpty ? "?" : "&") + "to=1"
        }
        guard !self.template.hasSuffix("watch") else { return try await self.stream(hub, headers) }
        return try await hub.call(self.method, target, self.body, headers: headers).status
    }

    private func stream(_ hub: Hub, _ headers: [String: String]) async throws -> Int {
        let document = self.template == "/v1/watch" ? #"{"services":{"web":0}}"# : #"{"keys":{"shop/limits":""}}"#
        let request = HTTPClient.Request(
            self.method,
            self.target,
            at: hub.origin,
            fields: headers.map { Problem.Header($0.key, $0.value) },
            body: self.method == "POST" ? Array(document.utf8) : []
        )
        let deadline = hub.client.clock.now.advanced(by: .seconds(10))
        return try await hub.client.withResponse(to: request, headBy: deadline) { $0.head.status }
    }

    /// Makes what the call is about.
    private func prepare(_ hub: Hub) async throws -> [String: String] {
        var headers = self.headers
        // In another namespace there must be something, too.
        let space = self.query.hasPrefix("?ns=") ? self.query : ""
        let namespace = headers.filter { $0.key == "Rollcall-Namespace" }
        if self.template == "/services" { _ = try await hub.call("POST", "/services", self.body) }
        if self.template.contains("{lock}"), self.method != "POST" {
            let secret = headers["Rollcall-Lease"] ?? ""
            let query = space + (space.isEmpty ? "?" : "&") + "lease=\(secret)"
            _ = try await hub.call("POST", "/v1/locks/\(self.lock)\(query)", headers: namespace)
        }
        guard self.template.contains("{key}"), headers["If-None-Match"] != "*" else { return headers }
        let entry = "/v1/config/\(self.key)"
        var answer = try await hub.call("PUT", entry + space, "{}", headers: namespace)
        let candidate = #"{"content":"{}","audience":{"percent":50}}"#
        if self.template.contains("candidate") {
            answer = try await hub.call("PUT", entry + "/candidate" + space, candidate, headers: namespace)
        }
        if headers["If-Match"] != nil { headers["If-Match"] = answer.head.fields.first("etag") }
        return headers
    }

    private var body: String {
        switch (self.method, self.template) {
        case ("PUT", "/v1/services/{service}/instances/{id}"): #"{"endpoints":["http://127.0.0.1:1"]}"#
        case ("PATCH", _): #"{"weight":2}"#
        case (_, "/v1/leases/renew"): #"{"leases":[]}"#
        case (_, "/services"): #"{"Name":"tutorial","Addr":"127.0.0.1:1","RequiredServices":["web"]}"#
        case ("PUT", "/v1/config/{key}"): #"{"a":1}"#
        case ("PUT", "/v1/config/{key}/candidate"): #"{"content":"{}","audience":{"ids":["web-1"]}}"#
        case (_, "/v1/config-batch"): #"{"changes":[{"key":"\#(self.key)","content":"x"}]}"#
        case (_, "/v1/config-readers"): #"{"instance":{"id":"web-1"},"uses":{"shop/limits":1}}"#
        default: ""
        }
    }
}
