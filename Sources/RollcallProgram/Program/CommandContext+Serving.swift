import HTTPEngine
import Rollcall
import RollcallService

extension CommandContext {
    /// Runs a server until a signal asks it to end, and then lets it end in order; a second signal ends the process.
    ///
    /// - Parameters:
    ///   - run: Serves.
    ///   - shutDown: Makes `run` return, in order.
    ///   - ready: Says where it is, once it listens.
    /// - Returns: What the shell is told.
    /// - Throws: What `run` or `ready` throws.
    func serve(
        _ run: @escaping @Sendable () async throws -> Void,
        shutDown: @escaping @Sendable () async -> Void,
        ready: () throws -> Void
    ) async throws -> ExitCode {
        let interruption = Signal()
        return try await withThrowingTaskGroup(of: ExitCode?.self) { group in
            group.addTask {
                try await run()
                return interruption.isRaised ? .interrupted : .done
            }
            group.addTask {
                while let signal = await self.signals.next() {
                    if signal.number == ReceivedSignal.interrupt.number { interruption.raise() }
                    await race {
                        await shutDown()
                    } _: {
                        if await self.signals.next() != nil { self.surroundings.exitNow(.interrupted) }
                    }
                }
                return nil
            }
            defer { group.cancelAll() }
            try ready()
            while let end = try await group.next() {
                if let end { return end }
            }
            return .done
        }
    }
}

extension CommandContext {
    /// Runs a service until a signal asks it to end, says where it listens, and what keeps it from being registered.
    ///
    /// - Parameters:
    ///   - runner: The service.
    ///   - body: Runs it; by default nothing but the runner.
    /// - Returns: What the shell is told.
    /// - Throws: What `body` throws.
    func run(
        _ runner: ServiceRunner,
        _ body: (@Sendable () async throws -> Void)? = nil
    ) async throws -> ExitCode {
        try await self.serve {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.announce(runner) }
                if let body { try await body() } else { try await runner.run() }
                group.cancelAll()
            }
        } shutDown: {
            runner.beginShutdown()
        } ready: {
        }
    }

    /// Says where a service listens, and when it is not registered at once, why.
    private func announce(_ runner: ServiceRunner) async throws {
        while runner.endpoints.isEmpty { try await self.clock.sleep(for: .milliseconds(5)) }
        let endpoints = runner.endpoints.map(\.description).joined(separator: ", ")
        try self.terminal.line("\(runner.service.text) at \(endpoints)")
        var told: BackendError.Code?
        while let status = runner.registration, status.phase != .draining, status.phase != .stopped {
            if status.phase == .registered {
                if told != nil { self.terminal.note("\(runner.service.text) is registered now") }
                return
            }
            if let error = status.lastError, error.code != told {
                self.terminal.note(Cell("not registered yet:", .yellow), " \(error)")
                told = error.code
            }
            try await self.clock.sleep(for: .milliseconds(20))
        }
    }
}

/// Where a server is to listen.
struct ListenAddress {
    /// A numeric address.
    let host: String
    /// A port; 0 for one that is free.
    let port: Int

    /// Reads an option: `ADDRESS:PORT`, `ADDRESS` or `:PORT`.
    ///
    /// - Throws: A ``UsageError``.
    init(_ arguments: ParsedArguments, option: String = "listen", default port: Int) throws {
        let text = arguments.option(option) ?? "127.0.0.1:\(port)"
        var (host, rest) = (Substring(text), Substring(""))
        if !text.hasSuffix("]"), let colon = text.lastIndex(of: ":"),
            text.first == "[" || text.firstIndex(of: ":") == colon
        {
            (host, rest) = (text[..<colon], text[colon...].dropFirst())
        }
        if host.first == "[", host.last == "]" { host = host.dropFirst().dropLast() }
        let number = rest.isEmpty ? port : Int(rest)
        self.host = host.isEmpty ? "127.0.0.1" : host == "localhost" ? "127.0.0.1" : String(host)
        guard let number, SocketAddress(host: self.host, port: number) != nil else {
            throw arguments.misuse(
                "--\(option): \(text.quotedForDisplay) is not an address with a port such as 127.0.0.1:\(port)"
            )
        }
        self.port = number
    }
}
