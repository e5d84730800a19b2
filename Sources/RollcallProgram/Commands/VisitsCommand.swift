import Rollcall
import RollcallService
import RollcallVisitService

/// `rollcall visits`: the visit counter.
struct VisitsCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "visits",
        summary: "run the visit service, which counts and logs visits",
        options: [.value("listen", "ADDRESS:PORT", "where to listen (127.0.0.1:20003)")],
        discussion: "Registers as the service 'visit'. It needs 'log', and counts also while that is away.",
        examples: ["rollcall visits", "curl http://127.0.0.1:20003/"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let address = try ListenAddress(context.arguments, default: 20003)
        return try await context.withClient { client in
            let service = VisitService(
                client: client,
                host: address.host,
                port: address.port,
                configuration: ServiceRunnerConfiguration(log: context.log)
            )
            return try await context.run(service.runner) { try await service.run() }
        }
    }
}
