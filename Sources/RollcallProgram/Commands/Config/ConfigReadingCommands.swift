import Rollcall

/// `rollcall config get`: what is stored under a key.
struct ConfigGetCommand: Command {
    let spec = CommandSpec(
        "config get",
        summary: "print what is stored under a key",
        positionals: [.configKey],
        options: [.value("version", "VERSION", "what was stored as this version")],
        discussion: "The content is printed as it is; with --output json as one document with all that is known of it.",
        examples: ["rollcall config get shop/limits", "rollcall config get shop/limits --version 3"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        let version = try context.arguments.integer("version", in: 1...Int.max)
        return try await context.withClient { client in
            let config = try client.config
            let entry = try await context.inTime { () async throws(BackendError) in
                guard let version else { return try await config.entry(for: key) }
                return try await config.history.entry(for: key, version: Int64(version))
            }
            guard let entry else {
                let what = version.map { "version \($0) of \(key.text.quotedForDisplay) is not kept" }
                throw CommandFailure(
                    what ?? "nothing is stored under \(key.text.quotedForDisplay)",
                    advice: ["'rollcall config list' lists the keys, 'rollcall config history' the versions of one"],
                    exitCode: .notThere
                )
            }
            if context.terminal.format == .json {
                try context.terminal.json { entry.summary.write(to: &$0, content: entry.content) }
            } else {
                try context.terminal.bytes(entry.content.bytes)
            }
            return .done
        }
    }
}

/// `rollcall config list`: which keys there are.
struct ConfigListCommand: Command {
    let spec = CommandSpec(
        "config list",
        summary: "list the keys that have something stored",
        positionals: [PositionalSpec("PREFIX", .optional, "only those that begin so")],
        discussion: "Exits with 1 when PREFIX is given and no key begins so.",
        examples: ["rollcall config list", "rollcall config list shop/ --output json"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let prefix = context.arguments.value("PREFIX")
        return try await context.withClient { client in
            let config = try client.config
            let summaries = try await context.inTime { () async throws(BackendError) in
                try await config.keys(under: prefix ?? "")
            }
            try Self.show(summaries, context.terminal)
            return summaries.isEmpty && prefix != nil ? .notThere : .done
        }
    }

    private static func show(_ summaries: [ConfigSummary], _ terminal: Terminal) throws {
        guard terminal.format == .table else {
            return try terminal.json { writer in
                writer.object { writer in
                    writer.key("entries")
                    writer.array { writer in
                        for summary in summaries { summary.write(to: &writer) }
                    }
                }
            }
        }
        guard !summaries.isEmpty else { return terminal.note("there are no such keys") }
        var table = Table("KEY", "VERSION", "REVISION", "TYPE", "BYTES", "MODIFIED", "NAME")
        for summary in summaries {
            table.append(
                Cell(summary.key.text),
                Cell("\(summary.version)"),
                Cell(summary.revision.text),
                Cell(summary.format.mediaType),
                Cell("\(summary.size)"),
                Cell(summary.modifiedText),
                Cell(summary.name)
            )
        }
        try terminal.table(table)
    }
}

/// `rollcall config history`: what was stored under a key.
struct ConfigHistoryCommand: Command {
    let spec = CommandSpec(
        "config history",
        summary: "list what was stored under a key, newest first",
        positionals: [.configKey],
        discussion: "The last states of a key are kept, deletions among them. Exits with 1 for a key never written.",
        examples: ["rollcall config history shop/limits"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        return try await context.withClient { client in
            let config = try client.config
            let items = try await context.inTime { () async throws(BackendError) in
                try await config.history.history(of: key)
            }
            guard context.terminal.format == .table else {
                try context.terminal.json { writer in
                    writer.object { writer in
                        writer.key("states")
                        writer.array { writer in
                            for item in items { item.summary.write(to: &writer, isDeletion: item.isDeletion) }
                        }
                    }
                }
                return items.isEmpty ? .notThere : .done
            }
            guard !items.isEmpty else {
                context.terminal.note("nothing was ever stored under \(key.text.quotedForDisplay)")
                return .notThere
            }
            var table = Table("VERSION", "REVISION", "TYPE", "BYTES", "MODIFIED")
            for item in items {
                table.append(
                    Cell("\(item.summary.version)"),
                    Cell(item.summary.revision.text),
                    item.isDeletion ? Cell("deleted", .yellow) : Cell(item.summary.format.mediaType),
                    Cell("\(item.summary.size)"),
                    Cell(item.summary.modifiedText)
                )
            }
            try context.terminal.table(table)
            return .done
        }
    }
}

/// `rollcall config watch`: what is stored under a key, as it changes.
struct ConfigWatchCommand: Command {
    let spec = CommandSpec(
        "config watch",
        summary: "follow what is stored under a key",
        positionals: [.configKey],
        discussion: """
            One line for each change, what is there now first; with --output json with the content. Ends when it is
            interrupted.
            """,
        examples: ["rollcall config watch shop/limits --output json | jq .content"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        return try await context.withClient { client in
            let config = try client.config
            // Fails in time when the registry does not answer; once it did, the watch survives its absence.
            _ = try await context.inTime { () async throws(BackendError) in try await config.entry(for: key) }
            let mailbox = KeyedMailbox<ConfigKey, ConfigState>()
            do {
                return try await withThrowingTaskGroup(of: ExitCode.self) { group in
                    group.addTask { try await config.watch(key) { mailbox.offer($0, for: key) } }
                    group.addTask {
                        while let state = try await mailbox.next() { try Self.show(state, of: key, context.terminal) }
                        return .done
                    }
                    defer { group.cancelAll() }
                    return try await group.next() ?? .done
                }
            } catch  where Task.isCancelled {
                return .done
            }
        }
    }

    private static func show(_ state: ConfigState, of key: ConfigKey, _ terminal: Terminal) throws {
        switch (state, terminal.format) {
        case (.present(let entry), .json):
            try terminal.json { entry.summary.write(to: &$0, content: entry.content) }
        case (.present(let entry), .table):
            let size = entry.content.bytes.count
            try terminal.line(
                Cell("= ", .green),
                "\(key) version \(entry.version), revision \(entry.revision), \(size) bytes of \(entry.content.format.mediaType)"
            )
        case (.absent, .json):
            try terminal.json { writer in
                writer.object { writer in
                    writer.key("key")
                    writer.string(key.text)
                }
            }
        case (.absent, .table): try terminal.line(Cell("- ", .yellow), "\(key) has nothing stored")
        case (.undecodable(let reason), _): terminal.note(Cell("cannot be understood:", .red), " \(key): \(reason)")
        }
    }
}

extension ConfigBackend {
    /// The backend's history.
    ///
    /// - Throws: `unsupported` where it keeps none.
    var history: any ConfigHistoryBackend {
        get throws(BackendError) {
            guard let backend = self as? any ConfigHistoryBackend else {
                throw BackendError(.unsupported, "this backend keeps no history", backend: self.name)
            }
            return backend
        }
    }
}
