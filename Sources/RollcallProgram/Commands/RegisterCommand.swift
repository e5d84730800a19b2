import Rollcall

/// `rollcall register`: an instance that is registered while this runs, or while another program runs.
struct RegisterCommand: Command {
    let spec = CommandSpec(
        "register",
        summary: "register an instance while this runs, or while COMMAND runs",
        positionals: [.service],
        options: [
            .value("id", "ID", "the instance's id; a random one if not given"),
            .value(
                "endpoint",
                "URL",
                isRepeatable: true,
                "where it listens: http://10.0.0.7:8080; the first is the main one"
            ),
            .value("ttl", "DURATION", "how long it outlives this process (ROLLCALL_TTL; else 10s)"),
            .value("version", "VERSION", "what it runs: 1.4.2"),
            .value("zone", "ZONE", "where it runs"),
            .value("weight", "NUMBER", "its share of calls, 0 to 65535; 1 if not given"),
            .value("tag", "TAG", isRepeatable: true, "a word to select it by"),
            .value("metadata", "KEY=VALUE", isRepeatable: true, "anything else that callers should know"),
            .value("requires", "SERVICE", isRepeatable: true, "a service that it needs"),
            .value("check", "URL", "register only once a GET of this is answered by a status from 200 to 299"),
        ],
        trailing: .optional,
        discussion: """
            Without COMMAND the instance is registered until this is interrupted; then it turns to maintenance, is
            drained (ROLLCALL_DRAIN; else 1s), and leaves.
            With COMMAND, that is run and the instance leaves when it ends, whose exit status is passed on (128 and the
            number of the signal that killed it; 126 and 127 when it cannot be run). Signals are passed on; before
            SIGINT and SIGTERM the instance is drained, a second one is passed on at once; so are SIGHUP, SIGQUIT, SIGUSR1,
            SIGUSR2 and SIGWINCH.
            --timeout ends all when the instance is not registered in time; otherwise that is tried without end.
            """,
        examples: [
            "rollcall register web --endpoint http://10.0.0.7:8080 --tag blue",
            "rollcall register web --endpoint http://127.0.0.1:8080 --check http://127.0.0.1:8080/health -- ./server",
        ]
    )

    /// A signal must reach the other program, and the instance must be drained before it leaves.
    let takesSignals = true

    func run(in context: CommandContext) async throws -> ExitCode {
        let instance = try Self.instance(context.arguments)
        let check = try Self.check(context)
        return try await context.withClient { client in
            var configuration = client.configuration.registrar
            configuration.ttl = try context.arguments.duration("ttl") ?? configuration.ttl
            let registrar = try client.registrar(configuration: configuration) {
                try await check()
                return instance
            }
            let granted = client.registry.capabilities.ttl
            let registration = Registration(
                context: context,
                client: client,
                registrar: registrar,
                instance: instance,
                ttl: min(max(configuration.ttl, granted.lowerBound), granted.upperBound)
            )
            return context.arguments.trailing.isEmpty
                ? try await registration.runAlone() : try await registration.run(context.arguments.trailing)
        }
    }

    private static func instance(_ arguments: ParsedArguments) throws -> ServiceInstance {
        let service = try arguments.service()
        let id = try arguments.option("id") { try InstanceID($0) }
        let endpoints = try arguments.options("endpoint") { try Endpoint($0) }
        guard !endpoints.isEmpty else {
            throw arguments.misuse("--endpoint is missing: where does the instance listen?")
        }
        var metadata: [String: String] = [:]
        for (key, value) in try arguments.metadata() {
            guard let value else { throw arguments.misuse("--metadata: \(key.quotedForDisplay) has no '='") }
            metadata[key] = value
        }
        let version = try arguments.option("version") { try SemanticVersion($0) }
        let requires = try arguments.options("requires") { try ServiceName($0) }
        return try ServiceInstance(
            service: service,
            id: id ?? .random(),
            endpoints: endpoints,
            version: version,
            zone: arguments.option("zone"),
            weight: try arguments.weight() ?? 1,
            tags: arguments.options("tag"),
            metadata: metadata,
            requires: requires
        )
    }

    /// What returns once the instance may be registered.
    private static func check(_ context: CommandContext) throws -> @Sendable () async throws -> Void {
        guard let url = try context.arguments.option("check", { try CheckURL($0) }) else { return {} }
        guard let fault = context.program.services.checkHTTP else {
            throw CommandFailure(
                "this program cannot make checks",
                advice: ["leave --check out: the instance is registered at once"],
                exitCode: .usage
            )
        }
        let clock = context.clock
        return {
            let start = clock.now
            var isTold = false
            while let reason = await fault(url) {
                // A program that only starts needs no word.
                if !isTold, start.duration(to: clock.now) >= .seconds(2) {
                    context.terminal.note(Cell("not registered yet:", .yellow), " \(url.text): \(reason)")
                    isTold = true
                }
                try await clock.sleep(for: .milliseconds(200))
            }
        }
    }
}
