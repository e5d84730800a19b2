import HTTPEngine
import Rollcall
import RollcallService

/// `rollcall hello`: a service to try things with.
struct HelloCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "hello",
        summary: "run a service that says hello, to try things with",
        options: [
            .value("name", "NAME", "what it calls itself, and its id (a random one)"),
            .value("service", "SERVICE", "the name to register under (hello)"),
            .value("listen", "ADDRESS:PORT", "where to listen (127.0.0.1, at a port that is free)"),
            .value("ttl", "DURATION", "how long it outlives its process in the registry (ROLLCALL_TTL; else 10s)"),
            .flag("until-input-ends", "end, too, when standard input does: with the program at its other end"),
        ],
        examples: ["rollcall hello --name one", "rollcall call hello/"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let address = try ListenAddress(context.arguments, default: 0)
        let service = try context.arguments.option("service") { try ServiceName($0) } ?? ServiceName("hello")
        let id = try context.arguments.option("name") { try InstanceID($0) } ?? .random()
        let ttl = try context.arguments.duration("ttl")
        return try await context.withClient { configuration in
            if let ttl { configuration.registrar.ttl = ttl }
        } _: { client in
            let answer = Array("hello from \(id.text.safeForTerminal)\n".utf8)
            let runner = ServiceRunner(
                service: service,
                client: client,
                configuration: ServiceRunnerConfiguration(id: id, log: context.log),
                host: address.host,
                port: address.port
            ) { exchange in
                guard exchange.head.method == "GET" || exchange.head.method == "HEAD" else {
                    throw HTTPEngine.Problem(
                        status: 405,
                        code: .unsupported,
                        "hello is for reading",
                        headers: [HTTPEngine.Problem.Header("Allow", "GET, HEAD")]
                    )
                }
                exchange.respond(200, "text/plain; charset=utf-8", body: answer)
            }
            if context.arguments.flag("until-input-ends") {
                try SystemThread.begin {
                    Lifeline.awaitEndOfInput()
                    runner.beginShutdown()
                }
            }
            return try await context.run(runner)
        }
    }
}
