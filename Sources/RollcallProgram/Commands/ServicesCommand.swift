import Rollcall

/// `rollcall services`: which services there are.
struct ServicesCommand: Command {
    let spec = CommandSpec(
        "services",
        summary: "list the services that have instances",
        positionals: [PositionalSpec("PREFIX", .optional, "only those whose names begin so")],
        discussion: "Exits with 1 when PREFIX is given and no service begins so.",
        examples: ["rollcall services", "rollcall services team- --output json"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let prefix = context.arguments.value("PREFIX")
        return try await context.withClient { client in
            let all = try await context.inTime { () async throws(BackendError) in try await client.registry.services() }
            let services = all.filter { $0.service.text.utf8.starts(with: (prefix ?? "").utf8) }
            try self.show(services, context.terminal)
            return services.isEmpty && prefix != nil ? .notThere : .done
        }
    }

    private func show(_ services: [ServiceSummary], _ terminal: Terminal) throws {
        guard terminal.format == .table else {
            return try terminal.json { writer in
                writer.object { writer in
                    writer.key("services")
                    writer.array { writer in
                        for service in services { service.write(to: &writer) }
                    }
                }
            }
        }
        guard !services.isEmpty else { return terminal.note("there are no such services") }
        var table = Table("SERVICE", "PASSING", "WARNING", "CRITICAL", "MAINTENANCE")
        for service in services {
            table.append(
                Cell(service.service.text),
                Cell("\(service[.passing])", service[.passing] > 0 ? .green : .plain),
                Cell("\(service[.warning])", service[.warning] > 0 ? .yellow : .plain),
                Cell("\(service[.critical])", service[.critical] > 0 ? .red : .plain),
                Cell("\(service[.maintenance])", service[.maintenance] > 0 ? .yellow : .plain)
            )
        }
        try terminal.table(table)
    }
}
