import HTTPEngine
import Rollcall
import RollcallHub
import RollcallProbes

/// `rollcall serve`: the hub.
struct ServeCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "serve",
        summary: "run the hub, a registry of its own",
        options: [
            .value("listen", "ADDRESS:PORT", "a loopback address to listen on (127.0.0.1:20000)"),
            .value("data", "FOLDER", "where it keeps what must survive it (~/.local/state/rollcall)"),
            .value("allow-host", "NAME", isRepeatable: true, "another name under which it is called: hub.internal"),
            .value("check", "KIND", "check instances that ask for nothing else: auto, tcp, http:/health, grpc (none)"),
            .value("check-interval", "DURATION", "how often each of their endpoints is checked (5s)"),
            .value("check-timeout", "DURATION", "how long a check may take (2s)"),
            .value("check-failures", "COUNT", "after how many failures in a row an instance is critical (3)"),
            .value("check-passes", "COUNT", "after how many passing checks in a row it is no longer (2)"),
            .value("heartbeat-period", "DURATION", "how often programs of the tutorial's protocol are checked (30s)"),
            .value("allow-calls", "RANGE", isRepeatable: true, "addresses that the hub may call: 169.254.7.0/24"),
            .value("deny-calls", "RANGE", isRepeatable: true, "addresses that it may not call: 10.0.0.0/8"),
            .flag("no-guard", "drop instances as they are due, also when most of a service's are at once"),
            .value("unguarded", "SERVICE", isRepeatable: true, "a service whose instances are dropped as they are due"),
            .flag("memory", "keep nothing: what is registered ends with the hub"),
            .value("lease-key-file", "FILE", "with --backend: a key for leases that all hubs of one engine share"),
        ],
        discussion: """
            Listens on loopback only, as it asks nobody for credentials yet. What is registered survives the process,
            also when it is killed; a lease that lived then has one time-to-live to be renewed after the start.
            With --backend it stands in front of that engine, with the same API: it keeps nothing, several may stand side by
            side, and any may die. They share a key of 32 random bytes: head -c 32 /dev/urandom | base64 > lease.key
            SIGTERM or Control-C ends it in order.
            """,
        examples: [
            "rollcall serve", "rollcall serve --listen 127.0.0.1:21000 --memory",
            "rollcall serve --backend etcd://127.0.0.1:2379 --lease-key-file lease.key",
        ]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        if let url = context.arguments.option("backend") { return try await self.serve(inFrontOf: url, context) }
        let foreign = [
            ("token", "a hub asks nobody for credentials yet"), ("token-file", "a hub asks nobody for credentials yet"),
            ("layout", "a hub has no layouts"), ("namespace", "a hub has all namespaces"),
            ("lease-key-file", "only a hub in front of an engine (--backend) seals leases"),
        ]
        for (option, reason) in foreign where context.arguments.option(option) != nil {
            throw context.arguments.misuse("--\(option) means nothing here: \(reason)")
        }
        let address = try ListenAddress(context.arguments, default: 20000)
        let folder = try self.folder(context)
        DescriptorLimit.raise()
        var configuration = HubServer.Configuration(
            host: address.host,
            port: address.port,
            folder: folder,
            log: context.log
        )
        configuration.allowedHosts = try context.arguments.options("allow-host") {
            try Endpoint(scheme: "http", host: $0).host
        }
        configuration.guardsExpiry = !context.arguments.flag("no-guard")
        configuration.unguarded = Set(try context.arguments.options("unguarded") { try ServiceName($0) })
        configuration.checks = try self.checks(context.arguments)
        configuration.heartbeats = try self.heartbeats(context.arguments)
        let hub = try Self.open(configuration)
        return try await context.serve {
            await hub.run()
        } shutDown: {
            await hub.shutDown()
        } ready: {
            try self.announce(hub, folder, context.terminal)
        }
    }

    private static func open(_ configuration: HubServer.Configuration) throws -> HubServer {
        do throws(BackendError) {
            return try HubServer(configuration)
        } catch {
            guard ExitCode(error.code) != .usage else { throw error }
            // The registry that is not reachable would be this one.
            let isPort = error.operation == "serve"
            let advice = isPort ? "--listen names another address" : "--data names another folder; --memory needs none"
            let place = isPort ? nil : configuration.folder
            throw CommandFailure(error.message, place: place, advice: [advice], exitCode: .notThere)
        }
    }

    private func announce(_ hub: HubServer, _ folder: String?, _ terminal: Terminal) throws {
        guard terminal.format == .table else {
            return try terminal.json { writer in
                writer.object { writer in
                    for (name, value) in [
                        ("url", hub.url), ("data", folder), ("durability", hub.durability), ("console", hub.url + "/"),
                    ] {
                        guard let value else { continue }
                        writer.key(name)
                        writer.string(value)
                    }
                }
            }
        }
        try terminal.line(Cell("listening on", .bold), " \(hub.url)")
        try terminal.line("data folder  \(folder ?? "none")")
        try terminal.line("durability   \(hub.durability)")
        try terminal.line("console      \(hub.url)/")
    }

    private func heartbeats(_ arguments: ParsedArguments) throws -> HeartbeatConfiguration {
        var heartbeats = HeartbeatConfiguration()
        heartbeats.period = try arguments.duration("heartbeat-period") ?? heartbeats.period
        heartbeats.rules = heartbeats.rules.preceded(by: try self.callRules(arguments))
        return heartbeats
    }

    private func checks(_ arguments: ParsedArguments) throws -> CheckConfiguration {
        var checks = CheckConfiguration()
        checks.kind = try arguments.option("check") { try ProbeConfiguration.Kind(text: $0) } ?? checks.kind
        checks.interval = try arguments.duration("check-interval") ?? checks.interval
        checks.timeout = try arguments.duration("check-timeout") ?? checks.timeout
        checks.failureThreshold = try arguments.integer("check-failures", in: 1...1000) ?? checks.failureThreshold
        checks.successThreshold = try arguments.integer("check-passes", in: 1...1000) ?? checks.successThreshold
        checks.rules = checks.rules.preceded(by: try self.callRules(arguments))
        return checks
    }

    private func callRules(_ arguments: ParsedArguments) throws -> [OutgoingRules.Rule] {
        let denied = try arguments.options("deny-calls") { try OutgoingRules.Rule($0, isAllowed: false) }
        let allowed = try arguments.options("allow-calls") { try OutgoingRules.Rule($0, isAllowed: true) }
        return denied + allowed
    }

    private func folder(_ context: CommandContext) throws -> String? {
        let given = context.arguments.option("data")
        if context.arguments.flag("memory") {
            guard given == nil else { throw context.arguments.misuse("--memory and --data exclude each other") }
            return nil
        }
        if let given { return given }
        let environment = context.surroundings.environment
        if let state = environment["XDG_STATE_HOME"], state.hasPrefix("/") { return state + "/rollcall" }
        guard let home = environment["HOME"], home.hasPrefix("/") else {
            throw context.arguments.misuse("there is no HOME to keep data in: give --data FOLDER, or --memory")
        }
        return home + "/.local/state/rollcall"
    }
}
