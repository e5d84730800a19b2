import Rollcall

/// `rollcall config diff`: what differs.
struct ConfigDiffCommand: Command {
    let spec = CommandSpec(
        "config diff",
        summary: "show what differs between two versions, or a version and a file",
        positionals: [
            .configKey, PositionalSpec("FROM", .one, "a version, or a file"),
            PositionalSpec("TO", .optional, "a version, or a file; what is stored if not given"),
        ],
        discussion:
            "A number is a version; write ./3 for a file of that name. Exits with 1 when there are differences.",
        examples: ["rollcall config diff shop/limits 3", "rollcall config diff shop/limits 3 limits.json"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        let from = try context.arguments.required("FROM")
        let to = context.arguments.value("TO")
        return try await context.withClient { client in
            let config = try client.config
            let old = try await Self.side(from, key, config, context)
            let new = try await Self.side(to, key, config, context)
            let diff = TextDiff(from: old.text, to: new.text)
            for line in diff.unified(from: old.name, to: new.name) { try context.terminal.line(line) }
            return diff.isEmpty ? .done : .notThere
        }
    }

    private static func side(
        _ name: String?,
        _ key: ConfigKey,
        _ config: any ConfigBackend,
        _ context: CommandContext
    ) async throws -> (name: String, text: String) {
        if let name, Int64(name) == nil {
            return (name, try Self.text(try context.read(name), name))
        }
        let version = name.flatMap { Int64($0) }
        let entry = try await context.inTime { () async throws(BackendError) in
            guard let version else { return try await config.entry(for: key) }
            return try await config.history.entry(for: key, version: version)
        }
        guard let entry else {
            let what = version.map { "version \($0) of \(key.text.quotedForDisplay) is not kept" }
            throw CommandFailure(
                what ?? "nothing is stored under \(key.text.quotedForDisplay)",
                advice: ["'rollcall config history' lists the versions of a key"],
                exitCode: .notThere
            )
        }
        return ("\(key) version \(entry.version)", try Self.text(entry.content.bytes, "version \(entry.version)"))
    }

    private static func text(_ bytes: [UInt8], _ place: String) throws -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("it is no text, so that lines cannot be compared", place: place, exitCode: .notThere)
        }
        return text
    }
}
