import Rollcall

/// `rollcall pick`: chooses instances as a program would.
struct PickCommand: Command {
    /// The policies that a pick may go by; the first is the usual one.
    static let policies = NamedBalancers.all

    let spec = CommandSpec(
        "pick",
        summary: "choose an instance that may be called",
        positionals: [.service],
        options: [
            .value("policy", choices: policies.map(\.name), "how to choose (ROLLCALL_BALANCER; else random)"),
            .value("key", "KEY", "what the policy may go by, such as a user's id"),
            .value("count", "NUMBER", "how often to choose; 1 if not given"),
            .flag("explain", "say for each instance whether it may be chosen, and why not"),
        ],
        discussion: """
            Writes the endpoint of each instance chosen, fit for a shell's $(…); with --output json the instances, one
            on a line. Only instances that pass and have a weight above 0 are chosen. Exits with 1 when there is none.
            """,
        examples: ["curl $(rollcall pick web)/health", "rollcall pick web --policy round-robin --count 3"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let service = try context.arguments.service()
        let count = try context.arguments.integer("count", in: 1...1_000_000) ?? 1
        let key = context.arguments.option("key")
        let policy = context.arguments.option("policy")
        let explains = context.arguments.flag("explain")
        return try await context.withClient { configuration in
            if let policy = Self.policies.first(where: { $0.name == policy }) {
                configuration.discovery.balancer = policy.balancer
            }
        } _: { client in
            _ = try await client.discovery.snapshot(of: service)
            if explains { return try self.explain(client.discovery.explain(service), context) }
            for _ in 0..<count {
                let instance = try client.discovery.pick(service, key: key)
                if context.terminal.format == .json {
                    try context.terminal.json(instance.json)
                } else {
                    try context.terminal.line(Cell(instance.endpoint.description))
                }
            }
            return .done
        }
    }
}
