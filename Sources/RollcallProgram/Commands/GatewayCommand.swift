import Rollcall
import RollcallGateway

/// `rollcall gateway`: one address in front of all services.
struct GatewayCommand: Command {
    let takesSignals = true
    let spec = CommandSpec(
        "gateway",
        summary: "run a gateway in front of the services",
        options: [
            .value("listen", "ADDRESS:PORT", "where to listen (127.0.0.1:20001)"),
            .value("route", "PATH=SERVICE", isRepeatable: true, "requests below PATH go to SERVICE"),
            .value("allow", "SERVICE", isRepeatable: true, "a service that can be reached; all, if none is given"),
            .flag("keep-prefix", "services see the path as the client wrote it"),
            .flag("only-routes", "the first segment of a path names no service"),
            .value("policy", choices: PickCommand.policies.map(\.name), "how to choose an instance"),
            .flag(
                "access-log",
                "a line on standard output for each request; those that nobody reads in time are left out"
            ),
            .value("metrics", "ADDRESS:PORT", "where to answer GET /metrics with figures for Prometheus"),
        ],
        discussion: """
            The first segment of a path names the service: /web/users goes to /users of web. SIGTERM or Control-C ends
            it in order: no further request is taken, those under way end.
            """,
        examples: ["rollcall gateway", "rollcall gateway --route /shop=web --only-routes --listen 0.0.0.0:8080"]
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let terminal = context.terminal
        let accessLog = BackgroundWriter<AccessRecord> { records, dropped in
            for record in records { try? terminal.access(record) }
            if dropped > 0 { try? terminal.missing(dropped) }
        }
        var settings = try Self.configuration(context)
        if context.arguments.flag("access-log") { settings.accessLog = { accessLog.offer($0) } }
        let configuration = settings
        let policy = context.arguments.option("policy")
        DescriptorLimit.raise()
        return try await context.withClient { client in
            let chosen = PickCommand.policies.first { $0.name == policy }?.balancer
            if let chosen { client.discovery.balancer = chosen }
        } _: { client in
            let gateway = try CommandFailure.local(advice: "--listen names another address") {
                () throws(BackendError) in
                try Gateway(client: client, configuration: configuration)
            }
            let end = try await context.serve {
                try await gateway.run()
            } shutDown: {
                await gateway.shutDown(within: .seconds(10))
            } ready: {
                try context.terminal.line(Cell("listening on", .bold), " \(gateway.address.description)")
                guard let metrics = gateway.metricsAddress else { return }
                try context.terminal.line(Cell("figures at", .bold), " \(metrics.description)/metrics")
            }
            await accessLog.finish(within: .seconds(1), clock: context.clock)
            return end
        }
    }

    private static func configuration(_ context: CommandContext) throws -> GatewayConfiguration {
        let address = try ListenAddress(context.arguments, default: 20001)
        var configuration = GatewayConfiguration()
        configuration.host = address.host
        configuration.port = address.port
        configuration.log = context.log
        if context.arguments.option("metrics") != nil {
            let address = try ListenAddress(context.arguments, option: "metrics", default: 20004)
            configuration.metricsHost = address.host
            configuration.metricsPort = address.port
        }
        let keepsPath = context.arguments.flag("keep-prefix")
        configuration.firstSegment =
            context.arguments.flag("only-routes") ? .ignored : keepsPath ? .kept : .stripped
        configuration.routes = try context.arguments.options("route") { text in
            guard let mark = text.lastIndex(of: "=") else {
                throw ValidationError(field: "", message: "\(text.quotedForDisplay) is not PATH=SERVICE")
            }
            let service = try ServiceName(text[mark...].dropFirst())
            return GatewayConfiguration.Route(String(text[..<mark]), to: service, keepsPath: keepsPath)
        }
        let allowed = try context.arguments.options("allow") { try ServiceName($0) }
        configuration.allowedServices = allowed.isEmpty ? nil : Set(allowed)
        return configuration
    }
}

extension Terminal {
    /// Writes that requests have no line because nobody read them in time.
    fileprivate func missing(_ count: Int) throws(OutputError) {
        guard self.format == .json else {
            return try self.line("\(count) requests are left out: nobody read their lines in time")
        }
        try self.json { writer in
            writer.object { writer in
                writer.key("dropped")
                writer.integer(count)
            }
        }
    }

    /// Writes a line about a request that was answered, without the query: that may hold what is nobody's business.
    fileprivate func access(_ record: AccessRecord) throws(OutputError) {
        let path = record.target.prefix { $0 != "?" }
        let milliseconds = record.duration.inMilliseconds
        guard self.format == .json else {
            // What was refused before it was a request has neither; the words of a line stay at their places.
            let line = record.method.isEmpty ? "- -" : "\(record.method) \(path)"
            let request = "\(record.client) \(line) \(record.status) \(record.bytes) B"
            let way = "\(record.service ?? "-")/\(record.instance ?? "-") \(record.attempts)"
            return try self.line(Cell("\(request) \(milliseconds) \(way)"))
        }
        try self.json { writer in
            writer.object { writer in
                for (name, text) in [
                    ("client", record.client), ("method", record.method), ("path", String(path)),
                    ("service", record.service), ("instance", record.instance), ("duration", milliseconds),
                ] {
                    guard let text else { continue }
                    writer.key(name)
                    writer.string(text)
                }
                for (name, number) in [
                    ("status", record.status), ("bytes", record.bytes), ("attempts", record.attempts),
                ] {
                    writer.key(name)
                    writer.integer(number)
                }
            }
        }
    }
}
