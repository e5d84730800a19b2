import Rollcall

/// `rollcall lock`: runs a program while a lock is held.
struct LockCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "lock",
        summary: "run COMMAND while a lock is held",
        positionals: [PositionalSpec("NAME", .one, "the lock")],
        options: [
            .value("ttl", "DURATION", "after how long others may have it when this machine dies (15s)"),
            .value("wait", "DURATION", "how long to wait for it; without end if not given"),
        ],
        trailing: .required,
        discussion: """
            COMMAND is told the lock's token in ROLLCALL_FENCING_TOKEN: a number above that of every holder before. It
            is ended when the lock is lost, with SIGTERM, and SIGKILL after 5s; the exit code is 5 then, and also when the
            lock is not to be had in time. Else it is that of COMMAND. Signals are passed on.
            """,
        examples: ["rollcall lock nightly-report --wait 10m -- ./report.sh"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let name = try context.arguments.required("NAME") { try LockName($0) }
        let ttl = try context.arguments.duration("ttl") ?? .seconds(15)
        let wait = try context.arguments.duration("wait")
        let program = FencedProgram(context.arguments.trailing, context)
        context.surroundings.takeMoreSignals()
        return try await context.withClient { client in
            let locks = try client.locks
            return try await withThrowingTaskGroup(of: ExitCode.self) { group in
                group.addTask {
                    do {
                        return try await locks.withLock(name, ttl: ttl, wait: wait, clock: context.clock) { token in
                            try await program.run(fencedBy: token)
                        }
                    } catch let error as BackendError where error.code == .timeout && wait != nil {
                        throw CommandFailure(
                            "somebody else held \(name.text.quotedForDisplay) for the whole of --wait",
                            advice: ["a longer --wait, or none"],
                            exitCode: .conflict
                        )
                    }
                }
                group.addTask {
                    await program.passSignals()
                    return .interrupted
                }
                defer { group.cancelAll() }
                return try await group.next() ?? .interrupted
            }
        }
    }
}
