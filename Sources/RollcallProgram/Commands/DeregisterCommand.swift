import Rollcall

/// `rollcall deregister`: takes an instance out that somebody else holds.
struct DeregisterCommand: Command {
    let spec = CommandSpec(
        "deregister",
        summary: "take an instance out of the registry",
        positionals: [.service, .instanceID],
        discussion: """
            Whoever holds the registration stays out, where the registry remembers the removal.
            Exits with 1 when there is no such instance.
            """,
        examples: ["rollcall deregister web web-1"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let service = try context.arguments.service()
        let id = try context.arguments.instanceID()
        return try await context.withClient { client in
            let isThere = try await context.inTime { () async throws(BackendError) in
                guard try await client.registry.instances(of: service)[id] != nil else { return false }
                try await client.registry.remove(service, id: id)
                return true
            }
            guard isThere else {
                throw CommandFailure(
                    "there is no instance \(id) of \(service)",
                    place: context.shownBackendURL,
                    advice: ["'rollcall instances \(service)' lists those that there are"],
                    exitCode: .notThere
                )
            }
            try self.show(service, id, context.terminal)
            return .done
        }
    }

    private func show(_ service: ServiceName, _ id: InstanceID, _ terminal: Terminal) throws {
        guard terminal.format == .table else {
            return try terminal.json { writer in
                writer.object { writer in
                    writer.key("service")
                    writer.string(service.text)
                    writer.key("id")
                    writer.string(id.text)
                    writer.key("removed")
                    writer.boolean(true)
                }
            }
        }
        try terminal.line("deregistered \(service)/\(id)")
    }
}
