import Rollcall

/// `rollcall config put`: stores a content.
struct ConfigPutCommand: Command {
    let spec = CommandSpec(
        "config put",
        summary: "store a content under a key",
        positionals: [.configKey, .contentFile],
        options: [
            .contentType, .expect, .configName,
            .value("version", "VERSION", "the version that it gets, above the stored one; the next if not given"),
        ],
        discussion: """
            JSON, YAML and TOML are checked before they are sent. With --expect nothing is overwritten that you have
            not seen: exit code 5 says that something else is stored.
            """,
        examples: [
            "rollcall config put shop/limits limits.json",
            "echo on | rollcall config put shop/switch - --expect none",
        ]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        let content = try context.content(of: try context.arguments.required("FILE"))
        let version = try context.arguments.integer("version", in: 1...Int.max)
        let name = context.arguments.option("name") ?? ""
        let draft = ConfigDraft(content, name: name, version: version.map { Int64($0) })
        let expectation = context.arguments.expectation()
        return try await context.withClient { client in
            let config = try client.config
            let entry = try await context.inTime { () async throws(BackendError) in
                try await config.write(draft, to: key, expecting: expectation)
            }
            try context.show(stored: entry)
            return .done
        }
    }
}

/// `rollcall config delete`: deletes what is stored.
struct ConfigDeleteCommand: Command {
    let spec = CommandSpec(
        "config delete",
        summary: "delete what is stored under a key",
        positionals: [.configKey],
        options: [.expect],
        discussion: "The history is kept, and versions go on above the last one. Exits with 1 when nothing was stored.",
        examples: ["rollcall config delete shop/limits --expect 17"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        let expectation = context.arguments.expectation()
        return try await context.withClient { client in
            let config = try client.config
            let wasThere = try await context.inTime { () async throws(BackendError) in
                try await config.delete(key, expecting: expectation)
            }
            context.terminal.note(
                wasThere ? "deleted \(key.text)" : "nothing was stored under \(key.text.quotedForDisplay)"
            )
            return wasThere ? .done : .notThere
        }
    }
}

/// `rollcall config rollback`: stores an earlier version anew.
struct ConfigRollbackCommand: Command {
    let spec = CommandSpec(
        "config rollback",
        summary: "store an earlier version anew, under a version above all others",
        positionals: [.configKey, PositionalSpec("VERSION", .one, "the version to go back to")],
        options: [.expect],
        examples: ["rollcall config rollback shop/limits 3"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        let version = try context.arguments.version("VERSION")
        let expectation = context.arguments.expectation()
        return try await context.withClient { client in
            let config = try client.config
            let entry = try await context.inTime { () async throws(BackendError) in
                try await config.history.rollBack(key, to: version, expecting: expectation)
            }
            try context.show(stored: entry)
            return .done
        }
    }
}

extension CommandContext {
    /// Says what is stored now.
    func show(stored entry: ConfigEntry) throws {
        guard self.terminal.format == .table else {
            return try self.terminal.json { entry.summary.write(to: &$0) }
        }
        try self.terminal.line("stored \(entry.key) as version \(entry.version), revision \(entry.revision)")
    }
}
