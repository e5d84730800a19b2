import HTTPEngine
import Rollcall
import RollcallService
import Synchronization

/// A registry as the tutorial has it: it doubles what registers twice, pushes within the call, and knows no ids.
final class FakeRegistry: Sendable {
    private let services = Mutex<[HeartbeatServiceInfo]>([])
    let record = Record()
    /// Runs after a registration is in the list and before it is answered.
    private let beforeAnswer = Mutex<(@Sendable () async throws -> Void)?>(nil)

    var all: [HeartbeatServiceInfo] { self.services.withLock { $0 } }

    func beforeNextAnswer(_ action: @escaping @Sendable () async throws -> Void) {
        self.beforeAnswer.withLock { $0 = action }
    }

    /// Forgets everybody, as a restart does.
    func forget() { self.services.withLock { $0 = [] } }

    func add(_ info: HeartbeatServiceInfo) async throws {
        self.services.withLock { $0.append(info) }
        try await self.push("POST", info)
    }

    func remove(_ info: HeartbeatServiceInfo) async throws {
        self.services.withLock { $0.removeAll { $0.name == info.name && $0.address == info.address } }
        try await self.push("DELETE", info)
    }

    /// Checks everybody once, and returns the statuses.
    func sweep() async throws -> [Int] {
        var statuses: [Int] = []
        for info in self.all {
            let endpoint = try Endpoint("http://" + info.address)
            statuses.append(try await fetch("/heart-beat", at: endpoint).status)
        }
        return statuses
    }

    func push(_ method: String, _ info: HeartbeatServiceInfo) async throws {
        for dependent in self.all where dependent.requires.contains(info.name) {
            let endpoint = try Endpoint("http://" + dependent.address)
            let body = String(decoding: info.json, as: UTF8.self)
            let status = try await fetch("/services", at: endpoint, method: method, body: body).status
            self.record.add("\(method) \(info.address) to \(dependent.address): \(status)")
        }
    }

    @Sendable func handle(_ exchange: HTTPExchange) async throws {
        guard exchange.head.path == "/services" else { return exchange.respond(404) }
        guard exchange.head.method == "POST" || exchange.head.method == "DELETE" else { return exchange.respond(405) }
        let info = try HeartbeatServiceInfo(json: try await exchange.readBody(limit: 1 << 20))
        self.record.add("\(exchange.head.method) \(info.name) \(info.address)")
        guard exchange.head.method == "POST" else {
            try await self.remove(info)
            return exchange.respond(200)
        }
        try await self.add(info)
        let answer = self.answer(to: info)
        let action = self.beforeAnswer.withLock { $0.take() }
        try await action?()
        exchange.respond(200, "application/json", body: answer)
    }

    private func answer(to info: HeartbeatServiceInfo) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            for name in info.requires {
                writer.key(name.text)
                let found = self.all.filter { $0.name == name }
                if found.isEmpty {
                    writer.raw("null".utf8)
                } else {
                    writer.array { writer in for info in found { writer.raw(info.json) } }
                }
            }
        }
        return writer.bytes
    }
}

/// Runs a registry and gives where it is.
func withFakeRegistry(
    _ body: @escaping @Sendable (FakeRegistry, HeartbeatRegistryConfiguration) async throws -> Void
) async throws {
    let registry = FakeRegistry()
    let server = try HTTPServer(host: "127.0.0.1", port: 0, handler: registry.handle)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await server.run() }
        try await body(registry, HeartbeatRegistryConfiguration(port: server.address.port))
        await server.shutDown(within: .seconds(5))
    }
}
