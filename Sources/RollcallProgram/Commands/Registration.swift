import Rollcall
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// One run of `rollcall register`.
struct Registration: Sendable {
    let context: CommandContext
    let client: RollcallClient
    let registrar: Registrar
    let instance: ServiceInstance
    /// The time-to-live that the backend grants.
    let ttl: Duration

    private var terminal: Terminal { self.context.terminal }

    /// Keeps the instance registered until a signal comes.
    func runAlone() async throws -> ExitCode {
        let leaving = Leaving()
        return try await withThrowingTaskGroup(of: ExitCode?.self) { group in
            group.addTask {
                try await self.registrar.run()
                return leaving.signal == .interrupt || Task.isCancelled ? .interrupted : .done
            }
            group.addTask {
                try await self.announce(endsWhenRefused: true)
                return nil
            }
            group.addTask {
                while let signal = await self.context.signals.next() {
                    if leaving.begin(with: ReceivedSignal(signal.number)) {
                        self.registrar.beginShutdown()
                    } else if signal.asksToEnd {
                        self.context.surroundings.exitNow(.interrupted)
                    }
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

    /// Runs a program and keeps the instance registered while it runs.
    func run(_ command: [String]) async throws -> ExitCode {
        self.context.surroundings.takeMoreSignals()
        let child = try self.start(command)
        let leaving = Leaving()
        return try await withThrowingTaskGroup(of: ExitCode?.self) { group in
            group.addTask { await child.wait()?.exitCode }
            group.addTask {
                try await self.registrar.run()
                leaving.passOn(to: child)
                return nil
            }
            group.addTask {
                try await self.announce(endsWhenRefused: false)
                return nil
            }
            group.addTask {
                await self.passSignals(to: child, leaving)
                return nil
            }
            defer { group.cancelAll() }
            do {
                while let end = try await group.next() {
                    if let end { return end }
                }
            } catch {
                await child.end(clock: self.context.clock)
                throw error
            }
            await child.end(clock: self.context.clock)
            return .interrupted
        }
    }

    private func start(_ command: [String]) throws -> ChildProcess {
        do throws(AttemptError) {
            return try ChildProcess(command, environment: self.context.surroundings.environment)
        } catch {
            throw CommandFailure(
                error.description,
                advice: ["name a program that is on PATH, or its path"],
                exitCode: error.number == ENOENT ? .commandNotFound : .notExecutable
            )
        }
    }

    /// Passes signals on; before the first that asks to end, the instance leaves, so that nobody calls it any longer.
    private func passSignals(to child: ChildProcess, _ leaving: Leaving) async {
        await withDiscardingTaskGroup { group in
            while let signal = await self.context.signals.next() {
                guard signal.asksToEnd, leaving.begin(with: signal) else {
                    if !signal.isFromTerminal { child.signal(signal.number) }
                    continue
                }
                self.registrar.beginShutdown()
                group.addTask {
                    // A registry that does not answer must not keep the program running.
                    let limit = self.client.configuration.registrar.drain + .seconds(3)
                    if (try? await self.context.clock.sleep(for: limit)) != nil { leaving.passOn(to: child) }
                }
            }
            group.cancelAll()
        }
    }

    /// Says when the instance is registered, and until then what keeps it from that.
    ///
    /// - Parameter endsWhenRefused: Whether wrong credentials are a reason to give up.
    /// - Throws: Why the instance is not registered within `--timeout`, or never will be.
    private func announce(endsWhenRefused: Bool) async throws {
        let limit = try self.context.arguments.duration("timeout")
        let start = self.context.clock.now
        var told: BackendError.Code?
        while true {
            let status = self.registrar.status
            if status.phase == .registered { return try await self.tellRegistered() }
            if status.phase == .draining || status.phase == .stopped { return }
            if let error = status.lastError {
                if endsWhenRefused, ExitCode(error.code) == .refused { throw error }
                if error.code != told { self.terminal.note(Cell("not registered yet:", .yellow), " \(error)") }
                told = error.code
            }
            if let limit, start.duration(to: self.context.clock.now) >= limit {
                throw self.tooLate(status, limit)
            }
            try await self.context.clock.sleep(for: .milliseconds(20))
        }
    }

    private func tellRegistered() async throws {
        let text = "registered \(self.instance.service)/\(self.instance.id) at \(self.instance.endpoint)"
        guard self.context.arguments.trailing.isEmpty else {
            // Standard output belongs to the other program.
            return self.terminal.note(Cell("\(text), for \(self.ttl.text) at a time"))
        }
        guard self.terminal.format == .json else {
            return try self.terminal.line(Cell("\(text), for \(self.ttl.text) at a time"))
        }
        let stored = try? await self.client.registry.instances(of: self.instance.service)[self.instance.id]
        try self.terminal.json((stored ?? self.instance).json)
    }

    private func tooLate(_ status: RegistrarStatus, _ limit: Duration) -> any Error {
        if status.phase == .starting, let check = self.context.arguments.option("check") {
            return CommandFailure(
                "the check did not pass within \(limit.text)",
                place: check,
                advice: ["does the program listen there? a longer --timeout, or none"],
                exitCode: .notThere
            )
        }
        return status.lastError
            ?? BackendError(.timeout, "not registered within \(limit.text)", operation: "register")
    }
}

/// The signal that asked a registration to end, until it is passed on.
private final class Leaving: Sendable {
    private struct State {
        var signal: ReceivedSignal?
        var isPassedOn = false
    }

    private let state = Mutex(State())

    var signal: ReceivedSignal? { self.state.withLock { $0.signal } }

    /// Notes a signal; false when there was one before.
    func begin(with signal: ReceivedSignal) -> Bool {
        self.state.withLock { state in
            guard state.signal == nil else { return false }
            state.signal = signal
            return true
        }
    }

    /// Passes the signal on, once, unless the terminal sent it to the other program as well.
    func passOn(to child: ChildProcess) {
        let signal = self.state.withLock { state -> ReceivedSignal? in
            guard !state.isPassedOn, let signal = state.signal else { return nil }
            state.isPassedOn = true
            return signal
        }
        if let signal, !signal.isFromTerminal { child.signal(signal.number) }
    }
}
