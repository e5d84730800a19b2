import Rollcall

/// `rollcall set`: lays a change over what an instance says of itself.
struct SetCommand: Command {
    let spec = CommandSpec(
        "set",
        summary: "change the status, weight, tags or metadata of an instance",
        positionals: [.service, .instanceID],
        options: [
            .value("status", choices: OptionSpec.statuses, "the status from now on"),
            .value("weight", "NUMBER", "its share of calls from now on, 0 to 65535; 0 takes it out of rotation"),
            .value("tag", "TAG", isRepeatable: true, "all its tags from now on; --tag= for none"),
            .value("metadata", "KEY=VALUE", isRepeatable: true, "sets a pair; KEY alone removes it"),
        ],
        discussion: """
            The change lies over what the instance says of itself, and ends with the next process that registers its id.
            """,
        examples: ["rollcall set web web-1 --status maintenance", "rollcall set web web-1 --weight 0"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let service = try context.arguments.service()
        let id = try context.arguments.instanceID()
        let change = try Self.change(context.arguments)
        return try await context.withClient { client in
            let instance = try await context.inTime { () async throws(BackendError) in
                try await client.registry.amend(service, id: id, change)
            }
            guard context.terminal.format == .table else {
                try context.terminal.json(instance.json)
                return .done
            }
            var table = Table.instances
            table.append(instance)
            try context.terminal.table(table)
            return .done
        }
    }

    private static func change(_ arguments: ParsedArguments) throws -> InstanceChange {
        let tags = arguments.options("tag")
        let change = InstanceChange(
            status: arguments.status(),
            weight: try arguments.weight(),
            tags: tags.isEmpty ? nil : tags.filter { !$0.isEmpty },
            metadata: try arguments.metadata()
        )
        guard !change.isEmpty else {
            throw arguments.misuse("nothing is to be changed: --status, --weight, --tag or --metadata is missing")
        }
        return change
    }
}
