import Rollcall
import RollcallHTTP

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
            let limit = client.configuration.discovery.lookupTimeout
            let caller = try ServiceCaller(discovery: client.discovery, timeout: limit)
            _ = try await client.discovery.snapshot(of: target.service)
            // Here and now: whoever types it can type it again when an instance is there.
            _ = try client.discovery.pick(target.service)
            let response = try await caller.call(target.service, target.request)
            try context.terminal.bytes(response.body)
            guard response.status >= 400 else { return .done }
            context.terminal.note("status \(response.status)")
            return .notThere
        }
    }

    /// What is to be called.
    private struct Target {
        let service: ServiceName
        let request: ServiceRequest

        init(_ arguments: ParsedArguments) throws {
            let text = try arguments.required("SERVICE/PATH")
            let name = text.prefix { $0 != "/" && $0 != "?" }
            let rest = text[name.endIndex...]
            let body = arguments.option("data")
            do throws(ValidationError) {
                self.service = try ServiceName(name)
                self.request = try ServiceRequest(
                    rest.hasPrefix("/") ? String(rest) : "/" + rest,
                    method: arguments.option("request") ?? (body == nil ? "GET" : "POST"),
                    fields: try Self.fields(arguments.options("header")),
                    body: Array((body ?? "").utf8)
                )
            } catch {
                let option = ["method": "--request", "header": "--header"][error.field] ?? "SERVICE/PATH"
                throw arguments.misuse("\(option): \(error.message)")
            }
        }

        private static func fields(_ options: [String]) throws(ValidationError) -> [MessageField] {
            var fields: [MessageField] = []
            for option in options {
                guard let colon = option.firstIndex(of: ":") else {
                    throw ValidationError(field: "header", message: "\(option.quotedForDisplay) is not NAME: VALUE")
                }
                let value = option[colon...].dropFirst().drop { $0 == " " }
                do throws(ValidationError) {
                    fields.append(try MessageField(String(option[..<colon]), String(value)))
                } catch {
                    throw ValidationError(field: "header", message: error.message)
                }
            }
            return fields
        }
    }
}
