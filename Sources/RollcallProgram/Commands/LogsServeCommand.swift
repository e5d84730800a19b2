import Rollcall
import RollcallLogService
import RollcallService

/// `rollcall logs serve`: the log service.
struct LogsServeCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "logs serve",
        summary: "run the log service",
        options: [
            .value("listen", "ADDRESS:PORT", "where to listen (127.0.0.1:20002)"),
            .value("file", "FILE", "the file to append to (services.log)"),
            .value("prefix", "TEXT", "what each line begins with (Rollcall:)"),
            .value("max-size", "MIB", "the size at which a new file is begun (64)"),
            .value("keep", "NUMBER", "how many earlier files are kept (4)"),
        ],
        discussion: "Registers as the service 'log'. A line is acknowledged once it is in the file.",
        examples: ["rollcall logs serve --file /var/log/services.log", "curl -d 'hello' http://127.0.0.1:20002/log"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let address = try ListenAddress(context.arguments, default: 20002)
        let size = try context.arguments.integer("max-size", in: 1...65536)
        let kept = try context.arguments.integer("keep", in: 0...1000)
        var configuration = LogServiceConfiguration(log: context.log)
        configuration.path = context.arguments.option("file") ?? configuration.path
        configuration.prefix = context.arguments.option("prefix") ?? configuration.prefix
        configuration.maximumFileBytes = size.map { $0 << 20 } ?? configuration.maximumFileBytes
        configuration.rotatedFiles = kept ?? configuration.rotatedFiles
        DescriptorLimit.raise()
        let service = try CommandFailure.local(place: configuration.path, advice: "--file names another file") {
            () throws(BackendError) in try LogService(configuration)
        }
        return try await context.withClient { client in
            let runner = service.runner(
                client: client,
                host: address.host,
                port: address.port,
                configuration: ServiceRunnerConfiguration(log: context.log)
            )
            return try await context.run(runner)
        }
    }
}
