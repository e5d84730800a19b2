import Rollcall
import RollcallHub

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

// `rollcall serve --backend URL`: the hub's API in front of an engine that is there already.
extension ServeCommand {
    /// Options of a hub with a store of its own.
    private static let storeOptions = [
        "data", "check", "check-interval", "check-timeout", "check-failures", "check-passes", "heartbeat-period",
        "allow-calls", "deny-calls", "unguarded",
    ]

    /// Serves from an engine.
    ///
    /// - Parameters:
    ///   - url: The engine's URL.
    ///   - context: What the command has at hand.
    /// - Returns: What the shell is told.
    /// - Throws: A ``UsageError`` or ``CommandFailure``; what opening the engine throws.
    func serve(inFrontOf url: String, _ context: CommandContext) async throws -> ExitCode {
        let arguments = context.arguments
        let given = Self.storeOptions.filter { !arguments.options($0).isEmpty }
        let flags = ["memory", "no-guard"].filter { arguments.flag($0) }
        if let option = (given + flags).first {
            throw arguments.misuse("--\(option) means nothing with --backend: the hub keeps and checks nothing then")
        }
        guard arguments.option("namespace") == nil else {
            throw arguments.misuse("--namespace means nothing here: a hub has all namespaces")
        }
        let scheme = url.prefix { $0 != ":" }
        guard scheme != "hub", scheme != "http" else {
            throw arguments.misuse("--backend: a hub does not stand in front of another hub; use that one")
        }
        guard let open = try context.backends()[String(scheme)] else {
            throw arguments.misuse("--backend: there is no driver for \(url.withoutCredentials.quotedForDisplay)")
        }
        let address = try ListenAddress(arguments, default: 20000)
        var configuration = FrontServer.Configuration(host: address.host, port: address.port, log: context.log)
        configuration.allowedHosts = try arguments.options("allow-host") { try Endpoint(scheme: "http", host: $0).host }
        let key = try self.leaseKey(arguments)
        if let key { configuration.leaseKey = key }
        DescriptorLimit.raise()
        let hub = try Self.open(configuration) { (namespace) throws(BackendError) in try open(url, namespace) }
        return try await context.serve {
            await hub.run()
        } shutDown: {
            await hub.shutDown()
        } ready: {
            try self.announce(hub, url.withoutCredentials, sharesLeases: key != nil, context.terminal)
        }
    }

    private static func open(
        _ configuration: FrontServer.Configuration,
        _ engine: @escaping @Sendable (Namespace) throws(BackendError) -> any RegistryBackend
    ) throws -> FrontServer {
        do throws(BackendError) {
            return try FrontServer(configuration, engine: engine)
        } catch {
            guard error.operation == "serve" else { throw error }
            throw CommandFailure(error.message, advice: ["--listen names another address"], exitCode: .notThere)
        }
    }

    private func leaseKey(_ arguments: ParsedArguments) throws -> SealingKey? {
        guard let path = arguments.option("lease-key-file") else { return nil }
        let text: String
        do {
            text = try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        } catch {
            throw CommandFailure(
                "the file with the lease key cannot be read",
                place: path,
                advice: ["--lease-key-file must name a file that you may read", Self.keyAdvice],
                exitCode: .usage
            )
        }
        do throws(ValidationError) {
            return try SealingKey(base64: text)
        } catch {
            throw CommandFailure(
                "the lease key is none: \(error.message)",
                place: path,
                advice: [Self.keyAdvice],
                exitCode: .usage
            )
        }
    }

    private static let keyAdvice = "a key is made by: umask 077; head -c 32 /dev/urandom | base64 > FILE"

    private func announce(
        _ hub: FrontServer,
        _ engine: String,
        sharesLeases: Bool,
        _ terminal: Terminal
    ) throws {
        let leases =
            sharesLeases ? "any hub with this key renews them" : "they end with this hub; --lease-key-file shares them"
        guard terminal.format == .table else {
            return try terminal.json { writer in
                writer.object { writer in
                    for (name, value) in [
                        ("url", hub.url), ("engine", engine), ("leases", leases), ("console", hub.url + "/"),
                    ] {
                        writer.key(name)
                        writer.string(value)
                    }
                }
            }
        }
        try terminal.line(Cell("listening on", .bold), " \(hub.url)")
        try terminal.line("engine       \(engine)")
        try terminal.line("leases       \(leases)")
        try terminal.line("console      \(hub.url)/")
    }
}
