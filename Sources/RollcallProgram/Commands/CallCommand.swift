import HTTPEngine
import Rollcall

/// `rollcall call`: an HTTP call to an instance that is chosen.
struct CallCommand: Command {
    let spec = CommandSpec(
        "call",
        summary: "make an HTTP call to an instance of a service",
        positionals: [PositionalSpec("SERVICE/PATH", .one, "the service, then the path: web/users/7?full=1")],
        options: [
            .value("request", "METHOD", short: "X", "the method (GET; POST where there is a body)"),
            .value("data", "BODY", short: "d", "the body"),
            .value("header", "NAME: VALUE", short: "H", isRepeatable: true, "a header field"),
        ],
        discussion: """
            Writes the body of the answer. When an instance cannot be reached, another one is called, up to three; a
            call that may have arrived is repeated only if its method allows that. Exits with 1 for a status from 400.
            """,
        examples: ["rollcall call web/users/7", "rollcall call web/users -d '{\"name\":\"Ada\"}'"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let target = try Target(context.arguments)
        return try await context.withClient { client in
            let http = try HTTPClient()
            let limit = client.configuration.discovery.lookupTimeout
            _ = try await client.discovery.snapshot(of: target.service)
            // Here and now: whoever types it can type it again when an instance is there.
            _ = try client.discovery.pick(target.service)
            let response = try await client.discovery.withInstance(of: target.service, attempts: 3) { error in
                guard let error = error as? ConnectionError else { return false }
                return error.kind == .refused || error.kind != .malformed && target.isIdempotent
            } _: { instance in
                try await http.send(try target.request(to: instance), within: limit)
            }
            try context.terminal.text(String(decoding: response.body, as: UTF8.self))
            guard response.status >= 400 else { return .done }
            context.terminal.note("status \(response.status)")
            return .notThere
        }
    }

    /// What is to be called.
    private struct Target {
        let service: ServiceName
        let path: String
        let method: String
        let body: [UInt8]
        let fields: [HTTPEngine.Problem.Header]

        init(_ arguments: ParsedArguments) throws {
            let text = try arguments.required("SERVICE/PATH")
            let name = text.prefix { $0 != "/" && $0 != "?" }
            do throws(ValidationError) {
                self.service = try ServiceName(name)
            } catch {
                throw arguments.misuse("SERVICE/PATH: \(error.message)")
            }
            let rest = text[name.endIndex...]
            self.path = rest.hasPrefix("/") ? String(rest) : "/" + rest
            guard self.path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                throw arguments.misuse(
                    "SERVICE/PATH: a path has neither spaces nor letters beyond ASCII; encode them as %20"
                )
            }
            self.body = Array((arguments.option("data") ?? "").utf8)
            self.method = arguments.option("request") ?? (arguments.option("data") == nil ? "GET" : "POST")
            guard self.method.utf8.allSatisfy({ $0 >= 0x41 && $0 <= 0x5A }), !self.method.isEmpty else {
                throw arguments.misuse("--request: \(self.method.quotedForDisplay) is not a method such as GET")
            }
            self.fields = try arguments.options("header").map { field in
                guard let colon = field.firstIndex(of: ":"), colon > field.startIndex,
                    field[..<colon].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !field.hasControlCharacter
                else { throw arguments.misuse("--header: \(field.quotedForDisplay) is not NAME: VALUE") }
                let value = field[colon...].dropFirst().drop { $0 == " " }
                return HTTPEngine.Problem.Header(String(field[..<colon]), String(value))
            }
        }

        var isIdempotent: Bool { ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"].contains(self.method) }

        func request(to instance: ServiceInstance) throws -> HTTPClient.Request {
            guard let endpoint = instance.endpoint(scheme: "http") else {
                throw BackendError(.unsupported, "\(instance.id) has no http endpoint", key: instance.id.text)
            }
            let prefix = endpoint.path == "/" ? "" : endpoint.path
            return HTTPClient.Request(
                self.method,
                prefix + self.path,
                at: try Origin(endpoint),
                fields: self.fields,
                body: self.body
            )
        }
    }
}
