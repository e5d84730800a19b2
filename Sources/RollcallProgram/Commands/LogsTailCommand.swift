import Rollcall
import RollcallLogService

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// `rollcall logs tail`: what the log service has.
struct LogsTailCommand: Command {
    let spec = CommandSpec(
        "logs tail",
        summary: "show the last lines of the log service",
        options: [
            .value("since", "WHEN", "only lines since then: 10m, or 2026-11-21T07:30:00Z"),
            .value("level", choices: Log.Level.allCases.map(\.name), "only lines of this level or a higher one"),
            .value("sender", "NAME", "only lines of this sender"),
            .value("contains", "TEXT", "only lines with this text"),
            .value("lines", "NUMBER", short: "n", "how many of the past (100)"),
            .flag("follow", short: "f", "go on with those that come"),
        ],
        discussion: "With --follow it goes on until it is interrupted; exits with 1 when the log service ends.",
        examples: ["rollcall logs tail -f --level warning", "rollcall logs tail --since 10m --output json"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let query = try Self.query(context)
        return try await context.withClient { client in
            let limit = client.configuration.discovery.lookupTimeout
            let log = try LogClient(discovery: client.discovery, sender: "rollcall", timeout: limit)
            do {
                try await log.tail(query) { item throws(BackendError) in
                    do throws(OutputError) {
                        switch item {
                        case .line(let text): try context.terminal.text(text + "\n")
                        case .dropped(let count): context.terminal.note("\(count) lines came too fast and are left out")
                        }
                    } catch {
                        throw BackendError(.closed, "nothing can be written any longer", cause: error)
                    }
                }
            } catch let error as BackendError {
                throw error.cause as? OutputError ?? error
            }
            guard query.follows, !Task.isCancelled else { return .done }
            context.terminal.note(Cell("the log service ended", .yellow))
            return .notThere
        }
    }

    private static func query(_ context: CommandContext) throws -> LogQuery {
        let arguments = context.arguments
        var query = LogQuery()
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        query.filter.since = try arguments.option("since") { try LogQuery.since($0, now: now) }
        query.filter.minimum = try arguments.option("level") { try Log.Level.named($0) }
        query.filter.sender = arguments.option("sender")
        query.filter.contains = arguments.option("contains")
        query.limit = try arguments.integer("lines", in: 0...LogQuery.maximumLimit) ?? query.limit
        query.follows = arguments.flag("follow")
        query.format = context.terminal.format == .json ? .json : .text
        return query
    }
}
