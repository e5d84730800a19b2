import Rollcall
import RollcallCatalog
import RollcallService

/// `rollcall catalog`: what is registered, as Consul's catalog shows it.
struct CatalogCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "catalog",
        summary: "run a service that shows what is registered as Consul's catalog does",
        options: [
            .value("listen", "ADDRESS:PORT", "where to listen (127.0.0.1:5454)"),
            .value("datacenter", "NAME", "the data centre of instances that name no zone (default)"),
        ],
        discussion: "Registers as 'registry-http-service'. The hub has the same at its own address.",
        examples: ["rollcall catalog", "curl 'http://127.0.0.1:5454/v1/catalog/service/*?indent'"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let address = try ListenAddress(context.arguments, default: 5454)
        let datacenter = context.arguments.option("datacenter") ?? "default"
        return try await context.withClient { client in
            let catalog = CatalogService(client: client, datacenter: datacenter, log: context.log)
            let configuration = ServiceRunnerConfiguration(log: context.log)
            return try await context.run(
                catalog.runner(host: address.host, port: address.port, configuration: configuration)
            )
        }
    }
}
