import Rollcall

/// `rollcall demo`: the whole system, with real requests.
struct DemoCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "demo",
        summary: "start the whole system and send real requests through it",
        options: [
            .flag("exit", "end when the requests are done: with 0, or with 1 if one failed"),
            .value("port-base", "PORT", "hub, gateway, log and visit service take this port and the next ones"),
        ],
        discussion: """
            Starts a hub that keeps nothing, a gateway, the log service, the visit service, and two services 'hello' in
            processes of their own; calls them through the gateway; kills one of them, and goes on calling. Takes ports
            that are free unless --port-base names some. Stays until Control-C.
            """,
        examples: ["rollcall demo", "rollcall demo --exit"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let base = try context.arguments.integer("port-base", in: 1...65532)
        DescriptorLimit.raise()
        let system = try await DemoSystem(context, portBase: base)
        let isDone = Signal()
        return try await withThrowingTaskGroup(of: ExitCode?.self) { group in
            group.addTask { try await system.run(until: isDone) }
            group.addTask {
                while let signal = await context.signals.next() {
                    if isDone.isRaised {
                        system.abandon()
                        context.surroundings.exitNow(.interrupted)
                    }
                    system.note(signal)
                    isDone.raise()
                }
                return nil
            }
            defer { group.cancelAll() }
            while let end = try await group.next() {
                if let end { return end }
            }
            return .interrupted
        }
    }
}
