import Rollcall

/// `rollcall config propose`: has some instances see another content.
struct ConfigProposeCommand: Command {
    let spec = CommandSpec(
        "config propose",
        summary: "have some instances see another content than the one that is stored",
        positionals: [.configKey, .contentFile],
        options: [
            .value("id", "ID", isRepeatable: true, "an instance that sees it in any case"),
            .value("zone", "ZONE", isRepeatable: true, "only instances of these zones"),
            .value("versions", "RANGE", "only instances of these versions: ^1.4"),
            .value("metadata", "KEY=VALUE", isRepeatable: true, "only instances that say so of themselves"),
            .value("percent", "NUMBER", "of those that fit otherwise so many: 5, or 0.25"),
            .contentType, .configName,
        ],
        discussion: """
            'config promote' stores it for all, 'config abandon' takes it back, 'config readers' says who runs what.
            """,
        examples: [
            "rollcall config propose shop/limits new.json --percent 5",
            "rollcall config propose shop/limits new.json --zone a --versions '^2' --id web-1",
        ]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        let content = try context.content(of: try context.arguments.required("FILE"))
        let audience = try Self.audience(context.arguments)
        let draft = ConfigDraft(content, name: context.arguments.option("name") ?? "")
        return try await context.withClient { client in
            let releases = try client.config.releases
            let candidate = try await context.inTime { () async throws(BackendError) in
                try await releases.propose(draft, for: audience, to: key, expecting: .any)
            }
            guard context.terminal.format == .table else {
                try context.terminal.json { candidate.entry.summary.write(to: &$0) }
                return .done
            }
            try context.terminal.line("proposed version \(candidate.entry.version) of \(key)")
            return .done
        }
    }

    private static func audience(_ arguments: ParsedArguments) throws -> ConfigAudience {
        var metadata: [String: String] = [:]
        for (key, value) in try arguments.metadata() {
            guard let value else { throw arguments.misuse("--metadata: \(key.quotedForDisplay) has no '='") }
            metadata[key] = value
        }
        let audience = ConfigAudience(
            ids: Set(try arguments.options("id") { try InstanceID($0) }),
            zones: Set(arguments.options("zone")),
            versions: try arguments.option("versions") { try VersionRange($0) },
            metadata: metadata,
            share: try arguments.option("percent") { try ConfigAudience.share(percent: $0) }
        )
        guard audience != ConfigAudience() else {
            throw arguments.misuse("who sees it? --id, --zone, --versions, --metadata or --percent is missing")
        }
        return audience
    }
}

/// `rollcall config promote`: stores a candidate for all.
struct ConfigPromoteCommand: Command {
    let spec = CommandSpec(
        "config promote",
        summary: "store what was proposed, for all instances",
        positionals: [.configKey],
        options: [.value("expect", "REVISION", "only if the candidate has this revision")],
        examples: ["rollcall config promote shop/limits"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        let expectation = context.arguments.expectation()
        return try await context.withClient { client in
            let releases = try client.config.releases
            let entry = try await context.inTime { () async throws(BackendError) in
                try await releases.promote(key, expecting: expectation)
            }
            try context.show(stored: entry)
            return .done
        }
    }
}

/// `rollcall config abandon`: takes a candidate back.
struct ConfigAbandonCommand: Command {
    let spec = CommandSpec(
        "config abandon",
        summary: "take back what was proposed",
        positionals: [.configKey],
        options: [.value("expect", "REVISION", "only if the candidate has this revision")],
        discussion: "What is stored gets a version above the candidate's, so that those who saw that follow.",
        examples: ["rollcall config abandon shop/limits"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        let expectation = context.arguments.expectation()
        return try await context.withClient { client in
            let releases = try client.config.releases
            let entry = try await context.inTime { () async throws(BackendError) in
                try await releases.abandon(key, expecting: expectation)
            }
            if let entry { try context.show(stored: entry) } else { context.terminal.note("nothing is stored") }
            return .done
        }
    }
}

/// `rollcall config readers`: who runs what.
struct ConfigReadersCommand: Command {
    let spec = CommandSpec(
        "config readers",
        summary: "list which instances run which version of a key",
        positionals: [.configKey],
        discussion: "Of the instances that have reported lately. Exits with 1 when one runs what it is not to run.",
        examples: ["rollcall config readers shop/limits"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        return try await context.withClient { client in
            let releases = try client.config.releases
            let readers = try await context.inTime { () async throws(BackendError) in
                try await releases.readers(of: key)
            }
            try Self.show(readers, context.terminal)
            return readers.allSatisfy(\.isCurrent) ? .done : .notThere
        }
    }

    private static func show(_ readers: [ConfigReaderStatus], _ terminal: Terminal) throws {
        guard terminal.format == .table else {
            return try terminal.json { writer in
                writer.object { writer in
                    writer.key("readers")
                    writer.array { writer in
                        for reader in readers {
                            writer.object { writer in
                                writer.key("instance")
                                reader.instance.write(to: &writer)
                                writer.key("expected")
                                writer.integer(reader.expected)
                                writer.key("actual")
                                writer.integer(reader.actual)
                            }
                        }
                    }
                }
            }
        }
        guard !readers.isEmpty else { return terminal.note("no instance has reported what it runs") }
        var table = Table("SERVICE", "ID", "ZONE", "EXPECTED", "RUNS")
        for reader in readers {
            table.append(
                Cell(reader.instance.service?.text ?? ""),
                Cell(reader.instance.id.text),
                Cell(reader.instance.zone ?? ""),
                Cell("\(reader.expected)"),
                Cell("\(reader.actual)", reader.isCurrent ? .green : .yellow)
            )
        }
        try terminal.table(table)
    }
}

extension ConfigBackend {
    /// The backend's candidates.
    ///
    /// - Throws: `unsupported` where it has none.
    var releases: any ConfigReleaseBackend {
        get throws(BackendError) {
            guard let backend = self as? any ConfigReleaseBackend else {
                throw BackendError(.unsupported, "this backend has no candidates", backend: self.name)
            }
            return backend
        }
    }
}
