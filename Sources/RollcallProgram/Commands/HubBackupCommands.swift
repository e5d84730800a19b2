import Rollcall
import RollcallHub
import RollcallHubClient

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `rollcall hub backup`: copies configuration and its history into a file.
struct HubBackupCommand: Command {
    let spec = CommandSpec(
        "hub backup",
        summary: "copy the configuration of a hub, with its history, into a file",
        positionals: [PositionalSpec("FILE", .one, "the file, which must not be there yet")],
        options: [
            .value("data", "FOLDER", "the data folder of a hub that does not run; else the running hub is asked")
        ],
        discussion: """
            The copy is of one moment, and the hub goes on meanwhile. Registrations are not in it: instances register
            again by themselves. 'rollcall hub restore' puts it back.
            """,
        examples: ["rollcall hub backup rollcall-2026-11-21.sqlite"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let path = try context.arguments.required("FILE")
        guard !FileManager.default.fileExists(atPath: path) else {
            throw CommandFailure(
                "the file is there already",
                place: path,
                advice: ["name a file that is not"],
                exitCode: .usage
            )
        }
        if let folder = context.arguments.option("data") {
            try CommandFailure.local(place: folder, advice: "is a hub running there? leave --data out then") {
                () throws(BackendError) in try HubBackup.write(folder, to: path)
            }
        } else {
            try await Self.fetch(to: path, context)
        }
        context.terminal.note("the backup is in \(path)")
        return .done
    }

    private static func fetch(to path: String, _ context: CommandContext) async throws {
        guard context.backendURL.hasPrefix("hub:") || context.backendURL.hasPrefix("http:") else {
            throw CommandFailure(
                "only a hub has backups",
                place: context.shownBackendURL,
                advice: ["--backend hub://… names one"],
                exitCode: .usage
            )
        }
        let hub = try HubBackend(url: context.backendURL, configuration: .init(log: context.log))
        let part = path + ".part"
        let isMade = FileManager.default.createFile(
            atPath: part,
            contents: nil,
            attributes: [.posixPermissions: 0o600]
        )
        guard isMade, let file = OutputFile(path: part) else {
            throw CommandFailure("the file cannot be written", place: part, exitCode: .notThere)
        }
        do {
            try await hub.backup { try file.write($0) }
            try file.sync()
            try FileManager.default.moveItem(atPath: part, toPath: path)
        } catch {
            try? FileManager.default.removeItem(atPath: part)
            throw error
        }
    }
}

/// `rollcall hub restore`: puts a backup back.
struct HubRestoreCommand: Command {
    let spec = CommandSpec(
        "hub restore",
        summary: "put a backup in place of the configuration of a hub that does not run",
        positionals: [PositionalSpec("FILE", .one, "the backup")],
        options: [.value("data", "FOLDER", "the hub's data folder")],
        discussion: """
            What was there is kept beside it. Nobody holds a lock afterwards, and revisions and tokens go on above all
            that were ever given.
            """,
        examples: ["rollcall hub restore rollcall-2026-11-21.sqlite --data /var/lib/rollcall"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let path = try context.arguments.required("FILE")
        guard let folder = context.arguments.option("data") else {
            throw context.arguments.misuse("--data FOLDER is missing: which hub's data folder?")
        }
        let restored = try CommandFailure.local(place: folder, advice: "stop the hub that uses the folder first") {
            () throws(BackendError) in try HubBackup.restore(path, to: folder)
        }
        if let former = restored.former { context.terminal.note("what was there is kept at \(former)") }
        try context.terminal.line("restored \(restored.keys) keys into \(folder)")
        return .done
    }
}
