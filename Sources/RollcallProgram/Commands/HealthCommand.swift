import Rollcall

/// `rollcall health`: whether the registry is well.
struct HealthCommand: Command {
    let spec = CommandSpec(
        "health",
        summary: "say whether the registry is well",
        discussion:
            "Exits with 0 when it can be read and written, 1 when it answers but cannot, 3 when it does not answer."
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        try await context.withClient { client in
            let health = try await context.inTime { () async throws(BackendError) in await client.registry.health() }
            if context.terminal.format == .json {
                try context.terminal.json { self.write(health, of: client.registry.name, to: &$0) }
            } else {
                try self.show(health, context)
            }
            if health.isReachable, health.canRead, health.canWrite { return .done }
            if let code = health.error, ExitCode(code) == .refused { return .refused }
            return health.isReachable ? .notThere : .unreachable
        }
    }

    private func show(_ health: BackendHealth, _ context: CommandContext) throws {
        var table = Table("WHAT", "VALUE")
        let yes = Cell("yes", .green)
        let no = Cell("no", .red)
        table.append("registry", Cell(context.shownBackendURL))
        table.append("reachable", health.isReachable ? yes : no)
        if let latency = health.latency { table.append("latency", Cell(latency.inMilliseconds)) }
        table.append("can be read", health.canRead ? yes : no)
        table.append("can be written", health.canWrite ? yes : no)
        if let leader = health.leader { table.append("leader", Cell(leader)) }
        if let count = health.memberCount { table.append("members", Cell("\(count)")) }
        if let held = health.heldInstances {
            let shown = held == 0 ? Cell("none") : Cell("\(held), as most of a service ended at once", .yellow)
            table.append("held by its guard", shown)
        }
        if let version = health.serverVersion { table.append("version", Cell(version)) }
        if let error = health.error {
            table.append(
                "error",
                Cell([error.description, health.message].compactMap(\.self).joined(separator: ": "), .red)
            )
        }
        try context.terminal.table(table)
    }

    private func write(_ health: BackendHealth, of backend: String, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("backend")
            writer.string(backend)
            for (name, value) in [
                ("reachable", health.isReachable), ("canRead", health.canRead), ("canWrite", health.canWrite),
            ] {
                writer.key(name)
                writer.boolean(value)
            }
            for (name, value) in [
                ("latency", health.latency.map(\.inMilliseconds)), ("leader", health.leader),
                ("serverVersion", health.serverVersion), ("error", health.error?.description),
                ("message", health.message),
            ] {
                guard let value else { continue }
                writer.key(name)
                writer.string(value)
            }
            for (name, count) in [("memberCount", health.memberCount), ("heldInstances", health.heldInstances)] {
                guard let count else { continue }
                writer.key(name)
                writer.integer(count)
            }
        }
    }
}
