package import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a command has at hand: what was typed, where to write, and the registry.
package struct CommandContext: Sendable {
    /// What was typed.
    package let arguments: ParsedArguments
    /// Where to write.
    package let terminal: Terminal
    /// The process around it.
    package let surroundings: Surroundings
    /// The program that the command belongs to.
    package let program: Program

    /// The signals that arrive, for commands that take them.
    package var signals: SignalInbox { self.surroundings.signals }

    /// What measures time.
    package var clock: TimeSource { self.program.services.clock }

    /// The URL of the backend.
    package var backendURL: String {
        self.arguments.option("backend") ?? self.surroundings.environment["ROLLCALL_BACKEND"]
            ?? CommonOptions.defaultBackend
    }

    /// The URL of the backend as it may be shown: without a password.
    package var shownBackendURL: String { self.backendURL.withoutCredentials }

    /// Where the library says what happens: standard error, from warnings on; all with `--verbose`, errors with
    /// `--quiet`.
    package var log: Log {
        let isVerbose = self.arguments.flag("verbose")
        let minimum: Log.Level = isVerbose ? .debug : self.terminal.isQuiet ? .error : .warning
        return Log(minimum: minimum) { [terminal = self.terminal] in terminal.log($0, $1, $2) }
    }

    /// How the client behaves, from the options, then from the environment.
    ///
    /// - Returns: The configuration.
    /// - Throws: A ``UsageError`` for an option, a `ValidationError` for a variable that is not legal.
    package func configuration() throws -> RollcallConfiguration {
        var configuration = try RollcallConfiguration(environment: self.surroundings.environment)
        configuration.backend = self.backendURL
        configuration.namespace =
            try self.arguments.option("namespace") { try Namespace($0) }
            ?? configuration.namespace
        configuration.discovery.lookupTimeout =
            try self.arguments.duration("timeout") ?? configuration.discovery.lookupTimeout
        configuration.discovery.clock = self.clock
        configuration.discovery.log = self.log
        configuration.registrar.clock = self.clock
        configuration.registrar.log = self.log
        return configuration
    }

    /// What the user says about the backend beside its URL and the namespace.
    ///
    /// - Returns: The settings.
    /// - Throws: A ``CommandFailure`` when the file with the token cannot be read.
    package func backendSettings() throws -> BackendSettings {
        BackendSettings(token: try self.token(), layout: self.arguments.option("layout"), log: self.log)
    }

    /// The kinds of backend that the program has.
    package func backends() throws -> [String: RollcallClient.BackendOpener] {
        self.program.services.backends(try self.backendSettings())
    }

    /// Runs a client of the backend for as long as `body` runs, which is cancelled when the backend ends for good.
    ///
    /// - Parameters:
    ///   - configure: Changes how the client behaves.
    ///   - body: Uses it.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws, or why the backend ended for good.
    package func withClient(
        configure: (inout RollcallConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (RollcallClient) async throws -> ExitCode
    ) async throws -> ExitCode {
        var configuration = try self.configuration()
        configure(&configuration)
        let client = try RollcallClient(configuration, backends: try self.backends())
        return try await withThrowingTaskGroup(of: ExitCode?.self) { group in
            // First, so that it is the first to know when all is cancelled, and takes the client's end for no loss.
            group.addTask { try await body(client) }
            group.addTask {
                try await client.run()
                return nil
            }
            while let end = try await group.next() {
                guard let end else { continue }
                group.cancelAll()
                return end
            }
            throw BackendError(.cancelled, "the task was cancelled")
        }
    }

    /// Runs a call to the backend for at most the time that the user gives it.
    package func inTime<Value: Sendable>(
        _ call: @escaping @Sendable () async throws(BackendError) -> Value
    ) async throws -> Value {
        let limit = try self.configuration().discovery.lookupTimeout
        return try await withDeadline(limit, clock: self.clock, call)
    }

    private func token() throws -> String? {
        if let token = self.arguments.option("token") { return token }
        guard let path = self.arguments.option("token-file") else {
            return self.surroundings.environment["ROLLCALL_TOKEN"]
        }
        do {
            let text = try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)
            return String(text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
        } catch {
            throw CommandFailure(
                "the file with the token cannot be read",
                place: path,
                advice: ["--token-file must name a file that you may read"],
                exitCode: .usage
            )
        }
    }
}
