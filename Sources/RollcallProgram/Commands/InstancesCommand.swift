import Rollcall

/// `rollcall instances`: who serves a service.
struct InstancesCommand: Command {
    let spec = CommandSpec(
        "instances",
        summary: "list the instances of a service",
        positionals: [.service],
        options: [
            .value("status", choices: OptionSpec.statuses, "only those with this status"),
            .value("tag", "TAG", isRepeatable: true, "only those with this tag"),
            .value("zone", "ZONE", "only those in this zone"),
            .value("version", "RANGE", "only those that run a version in this range: ^1.2, ~1.2.3, >=1 <3"),
        ],
        discussion: "Exits with 1 when there is none.",
        examples: ["rollcall instances web", "rollcall instances web --status passing --version '^1.2' --output json"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let service = try context.arguments.service()
        let filter = try Self.filter(context.arguments)
        return try await context.withClient { client in
            let all = try await context.inTime { () async throws(BackendError) in
                try await client.registry.instances(of: service)
            }
            let snapshot = ServiceSnapshot(
                service: service,
                instances: all.instances.filter { filter($0) },
                revision: all.revision,
                source: all.source
            )
            try self.show(snapshot, of: all.instances.count, context.terminal)
            return snapshot.instances.isEmpty ? .notThere : .done
        }
    }

    private static func filter(_ arguments: ParsedArguments) throws -> InstanceFilter {
        var filter = InstanceFilter.any
        if let status = arguments.status() { filter = filter && InstanceFilter { $0.status == status } }
        for tag in arguments.options("tag") { filter = filter && .tags(tag) }
        if let zone = arguments.option("zone") { filter = filter && .zone(zone) }
        let range = try arguments.option("version") { try VersionRange($0) }
        if let range { filter = filter && .version(range) }
        return filter
    }

    private func show(_ snapshot: ServiceSnapshot, of count: Int, _ terminal: Terminal) throws {
        guard terminal.format == .table else { return try terminal.json { snapshot.write(to: &$0) } }
        guard !snapshot.instances.isEmpty else {
            let found = count == 0 ? "no instance of \(snapshot.service) is" : "of \(count) instances none is such as"
            return terminal.note(Cell(count == 0 ? "\(found) registered" : "\(found) asked for"))
        }
        var table = Table.instances
        for instance in snapshot.instances { table.append(instance) }
        try terminal.table(table)
    }
}
