import Rollcall

/// `rollcall elect`: one of several machines runs a program, and another takes over.
struct ElectCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "elect",
        summary: "run COMMAND on one machine at a time, and take over when that one is gone",
        positionals: [PositionalSpec("NAME", .one, "what is run for, the same on all machines")],
        options: [.value("ttl", "DURATION", "after how long another takes over when this machine dies (15s)")],
        trailing: .optional,
        discussion: """
            Runs for office until it is interrupted or COMMAND has ended, whose exit code is passed on then. COMMAND is
            ended when the office is lost, and run again when it is won again; ROLLCALL_FENCING_TOKEN tells it which
            term it is. Without COMMAND it only says when this machine leads.
            """,
        examples: ["rollcall elect scheduler -- ./scheduler", "rollcall elect scheduler --output json"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let name = try context.arguments.required("NAME") { try LockName($0) }
        let ttl = try context.arguments.duration("ttl") ?? .seconds(15)
        let command = context.arguments.trailing
        let program = FencedProgram(command, context)
        context.surroundings.takeMoreSignals()
        return try await context.withClient { client in
            let election = LeaderElection(
                backend: try client.locks,
                name: name,
                ttl: ttl,
                clock: context.clock,
                log: context.log
            )
            return try await withThrowingTaskGroup(of: ExitCode?.self) { group in
                group.addTask {
                    try await election.run { token in
                        try Self.announce(token, election.name, context)
                        guard command.isEmpty else { return try await program.run(fencedBy: token) }
                        await Signal().wait()
                        throw BackendError(.cancelled, "the task was cancelled")
                    }
                }
                group.addTask {
                    try await Self.tellLosses(of: election, context.terminal)
                    return nil
                }
                group.addTask {
                    await program.passSignals()
                    return .interrupted
                }
                defer { group.cancelAll() }
                while let end = try await group.next() {
                    if let end { return end }
                }
                return .interrupted
            }
        }
    }

    private static func announce(_ token: UInt64, _ name: LockName, _ context: CommandContext) throws {
        let text = "leading \(name) with token \(token)"
        // Standard output belongs to the other program.
        guard context.arguments.trailing.isEmpty else { return context.terminal.note(Cell(text)) }
        guard context.terminal.format == .json else { return try context.terminal.line(Cell(text, .green)) }
        try context.terminal.json { writer in
            writer.object { writer in
                writer.key("name")
                writer.string(name.text)
                writer.key("leading")
                writer.boolean(true)
                writer.key("token")
                writer.integer(token)
            }
        }
    }

    /// Says when this machine does not lead any more.
    private static func tellLosses(of election: LeaderElection, _ terminal: Terminal) async throws {
        var wasLeading = false
        for await state in election.states {
            if case .leading = state {
                wasLeading = true
            } else if wasLeading, state == .waiting {
                wasLeading = false
                terminal.note(Cell("not leading \(election.name) any more", .yellow))
            }
        }
    }
}
