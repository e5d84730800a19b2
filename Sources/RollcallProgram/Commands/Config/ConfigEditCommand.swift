import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `rollcall config edit`: has a content changed in an editor.
struct ConfigEditCommand: Command {
    let spec = CommandSpec(
        "config edit",
        summary: "change what is stored under a key in your editor",
        positionals: [.configKey],
        options: [.contentType],
        discussion: """
            Opens what is stored in VISUAL or EDITOR (else vi), checks it, shows what differs, and stores it if nobody
            else did meanwhile. A text that is refused stays in a file whose name is told.
            """,
        examples: ["EDITOR=nano rollcall config edit shop/limits"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let key = try context.arguments.configKey()
        return try await context.withClient { client in
            let config = try client.config
            let stored = try await context.inTime { () async throws(BackendError) in try await config.entry(for: key) }
            let format = try Self.format(of: stored, context.arguments)
            let path = try Self.makeFile(stored?.content.bytes ?? [], format)
            try await Self.edit(path, context)
            let content = ConfigContent(bytes: try context.read(path), format: format)
            let diff = TextDiff(from: stored?.content.text ?? "", to: content.text ?? "")
            guard content.bytes != stored?.content.bytes ?? [] else {
                try? FileManager.default.removeItem(atPath: path)
                context.terminal.note("nothing was changed")
                return .done
            }
            try Self.check(content, path)
            for line in diff.unified(from: "stored", to: "edited") { try context.terminal.line(line) }
            let draft = ConfigDraft(content, name: stored?.name ?? "")
            let expectation = stored.map { ConfigExpectation.revision($0.revision) } ?? .absent
            do {
                let entry = try await context.inTime { () async throws(BackendError) in
                    try await config.write(draft, to: key, expecting: expectation)
                }
                try? FileManager.default.removeItem(atPath: path)
                try context.show(stored: entry)
                return .done
            } catch {
                context.terminal.note(Cell("not stored:", .yellow), " your text is in \(path)")
                throw error
            }
        }
    }

    private static func format(
        of stored: ConfigEntry?,
        _ arguments: ParsedArguments
    ) throws -> ConfigContent.Format {
        if let stored, arguments.option("type") == nil { return stored.content.format }
        return try arguments.format(of: try arguments.required("KEY"))
    }

    private static func makeFile(_ bytes: [UInt8], _ format: ConfigContent.Format) throws -> String {
        let endings: [ConfigContent.Format: String] = [.json: "json", .yaml: "yaml", .toml: "toml"]
        let name = "rollcall-\(RandomText.hexadecimal(words: 1)).\(endings[format] ?? "txt")"
        let path = FileManager.default.temporaryDirectory.appending(path: name).path()
        // What is stored may be secret.
        let isMade = FileManager.default.createFile(
            atPath: path,
            contents: Data(bytes),
            attributes: [.posixPermissions: 0o600]
        )
        guard isMade else {
            throw CommandFailure(
                "the file to edit cannot be made",
                place: path,
                advice: ["TMPDIR names another folder"],
                exitCode: .notThere
            )
        }
        return path
    }

    private static func edit(_ path: String, _ context: CommandContext) async throws {
        let environment = context.surroundings.environment
        let editor = environment["VISUAL"] ?? environment["EDITOR"] ?? "vi"
        // An editor may have arguments of its own, as git takes it.
        let child = try ChildProcess(["/bin/sh", "-c", "\(editor) \"$0\"", path], environment: environment)
        let end = await child.wait()
        guard end?.exitCode == .done else {
            throw CommandFailure(
                "the editor did not end well, so that nothing is stored",
                place: editor,
                advice: ["your text is in \(path); VISUAL or EDITOR names another editor"],
                exitCode: .notThere
            )
        }
    }

    private static func check(_ content: ConfigContent, _ path: String) throws {
        do throws(ConfigFormatError) {
            try ConfigFormats.reader.check(content)
        } catch {
            throw CommandFailure(
                "the text is not stored: \(error)",
                place: path,
                advice: ["correct it there, and 'rollcall config put KEY \(path)' stores it"],
                exitCode: .usage
            )
        }
    }
}
