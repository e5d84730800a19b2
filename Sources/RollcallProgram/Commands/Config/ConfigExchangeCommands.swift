import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `rollcall config export`: all that is stored, as one document.
struct ConfigExportCommand: Command {
    let spec = CommandSpec(
        "config export",
        summary: "print all that is stored, as a document for config import",
        positionals: [PositionalSpec("PREFIX", .optional, "only the keys that begin so")],
        discussion: "Contents are read one after the other; for a copy of one moment there is 'rollcall hub backup'.",
        examples: ["rollcall config export shop/ > shop.json"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let prefix = context.arguments.value("PREFIX") ?? ""
        return try await context.withClient { client in
            let config = try client.config
            let summaries = try await context.inTime { () async throws(BackendError) in
                try await config.keys(under: prefix)
            }
            var entries: [ConfigEntry] = []
            for summary in summaries {
                let entry = try await context.inTime { () async throws(BackendError) in
                    try await config.entry(for: summary.key)
                }
                if let entry { entries.append(entry) }
            }
            try context.terminal.json { [entries] writer in
                writer.object { writer in
                    writer.key("entries")
                    writer.array { writer in
                        for entry in entries { entry.summary.write(to: &writer, content: entry.content) }
                    }
                }
            }
            return .done
        }
    }
}

/// `rollcall config import`: stores all that a document has.
struct ConfigImportCommand: Command {
    let spec = CommandSpec(
        "config import",
        summary: "store all that a document of config export has",
        positionals: [.contentFile],
        options: [.flag("new", "only if none of the keys has anything stored")],
        discussion: """
            All or none where the backend can do that (the hub can, up to 1024 keys); else key by key, and an error says
            how far it went. Each key gets a version above the one that is stored.
            """,
        examples: ["rollcall config import shop.json", "rollcall config import shop.json --new"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let path = try context.arguments.required("FILE")
        let expectation: ConfigExpectation = context.arguments.flag("new") ? .absent : .any
        let changes = try Self.changes(try context.read(path), expectation, path)
        return try await context.withClient { client in
            let config = try client.config
            if let batch = config as? any ConfigBatchBackend {
                _ = try await context.inTime { () async throws(BackendError) in try await batch.apply(changes) }
            } else {
                try await Self.storeEach(changes, config, context)
            }
            context.terminal.note("stored \(changes.count) keys")
            return .done
        }
    }

    private static func storeEach(
        _ changes: [ConfigChange],
        _ config: any ConfigBackend,
        _ context: CommandContext
    ) async throws {
        for (index, change) in changes.enumerated() {
            guard case .write(let draft) = change.action else { continue }
            do {
                _ = try await context.inTime { () async throws(BackendError) in
                    try await config.write(draft, to: change.key, expecting: change.expectation)
                }
            } catch {
                context.terminal.note(Cell("stopped:", .yellow), " \(index) of \(changes.count) keys are stored")
                throw error
            }
        }
    }

    private static func changes(
        _ bytes: [UInt8],
        _ expectation: ConfigExpectation,
        _ path: String
    ) throws -> [ConfigChange] {
        do throws(ValidationError) {
            var changes: [ConfigChange] = []
            var reader = JSONReader(bytes)
            try reader.object { (reader, name) throws(ValidationError) in
                guard name == "entries" else { return try reader.skip() }
                try reader.array { (reader) throws(ValidationError) in
                    changes.append(try Self.change(from: &reader, expectation))
                }
            }
            try reader.end()
            guard !changes.isEmpty else { throw ValidationError(field: "entries", message: "is missing or empty") }
            return changes
        } catch {
            throw CommandFailure(
                "the document cannot be read: \(error)",
                place: path,
                advice: ["'rollcall config export' writes one"],
                exitCode: .usage
            )
        }
    }

    private static func change(
        from reader: inout JSONReader,
        _ expectation: ConfigExpectation
    ) throws(ValidationError) -> ConfigChange {
        var key: ConfigKey?
        var (name, format, bytes) = ("", ConfigContent.Format.plain, [UInt8]?.none)
        try reader.object { (reader, member) throws(ValidationError) in
            switch member {
            case "key": key = try reader.name()
            case "name": name = try reader.string()
            case "contentType": format = try ConfigContent.Format(mediaType: try reader.string())
            case "content": bytes = Array(try reader.string().utf8)
            case "contentBase64":
                guard let data = Data(base64Encoded: try reader.string()) else {
                    throw ValidationError(field: "", message: "is not Base64")
                }
                bytes = Array(data)
            default: try reader.skip()
            }
        }
        guard let key else { throw ValidationError(field: "key", message: "is missing") }
        guard let bytes else { throw ValidationError(field: "content", message: "is missing") }
        let draft = ConfigDraft(ConfigContent(bytes: bytes, format: format), name: name)
        return ConfigChange(key, .write(draft), expecting: expectation)
    }
}
