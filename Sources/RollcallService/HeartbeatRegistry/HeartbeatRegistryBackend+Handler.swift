package import HTTPEngine
import Rollcall
import Synchronization

extension HeartbeatRegistryBackend {
    /// What to answer a call of the registry: a status, and for 405 the methods that there are.
    public struct Answer: Hashable, Sendable {
        /// The status; the body is empty.
        public let status: Int
        /// The value of the field `Allow`, where there is one.
        public let allow: String?

        init(_ status: Int, allow: String? = nil) {
            self.status = status
            self.allow = allow
        }
    }

    /// The greatest size of a push in bytes; a server should refuse longer bodies.
    public static let maximumPush = 65536

    /// Answers a request if it is one that the registry makes: `/heart-beat`, or `/services` with a push.
    ///
    /// Anybody may ask for the heart-beat, but only the registry's own counts as a sign of it. Pushes are taken from
    /// the registry alone, and only of services that are required.
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - path: The path without query.
    ///   - body: The body.
    ///   - sender: The numeric address that the request came from.
    /// - Returns: The answer, or `nil` for a request that is not the registry's.
    public func answer(method: String, path: String, body: [UInt8], sender: String) -> Answer? {
        switch path {
        case "/heart-beat":
            if self.isRegistry(sender) { self.noteBeat() }
            return Answer(200)
        case "/services":
            guard method == "POST" || method == "DELETE" else { return Answer(405, allow: "POST, DELETE") }
            guard self.isRegistry(sender) else {
                self.log(.warning, "a push from \(sender) was refused: it is not the registry")
                return Answer(403)
            }
            return self.receive(method, body)
        default:
            return nil
        }
    }

    /// Puts the registry's calls before a service's own handler.
    package func handler(before next: @escaping HTTPServer.Handler) -> HTTPServer.Handler {
        { exchange in
            let path = String(exchange.head.path)
            guard path == "/heart-beat" || path == "/services" else { return try await next(exchange) }
            let sender = exchange.peer?.host ?? ""
            var body: [UInt8] = []
            // Only what may be taken is received.
            if path == "/services", self.isRegistry(sender) {
                body = try await exchange.readBody(limit: Self.maximumPush)
            }
            let answer = self.answer(method: exchange.head.method, path: path, body: body, sender: sender)
            let headers = answer?.allow.map { [Problem.Header("Allow", $0)] } ?? []
            exchange.respond(answer?.status ?? 404, headers: headers)
        }
    }

    private func receive(_ method: String, _ body: [UInt8]) -> Answer {
        do throws(ValidationError) {
            let info = try HeartbeatServiceInfo(json: body)
            // One that cannot be called can still be taken out.
            let push: HeartbeatTable.Push =
                method == "POST" ? .add(try info.instance()) : .remove(info.name, try InstanceID(info.address))
            self.change { $0.receive(push) ? [info.name] : [] }
            return Answer(200)
        } catch {
            self.log(.warning, "a push of the registry cannot be read: \(error)")
            return Answer(400)
        }
    }

    private func noteBeat() {
        let now = self.configuration.clock.now
        self.state.withLock { state in
            if state.lastBeat != nil { state.lastBeat = now }
        }
    }

    private func isRegistry(_ sender: String) -> Bool {
        let mapped = "::ffff:"
        let sender = sender.hasPrefix(mapped) ? String(sender.dropFirst(mapped.count)) : sender
        let addresses = self.state.withLock { $0.registryAddresses }.union(self.configuration.trustedSenders)
        // This machine may be reached under several of its addresses.
        let isLocal = SocketAddress(host: sender, port: 0)?.isLoopback == true
        return addresses.contains(sender)
            || isLocal && addresses.contains { SocketAddress(host: $0, port: 0)?.isLoopback == true }
    }
}
