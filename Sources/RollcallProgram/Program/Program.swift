import Rollcall
import Synchronization

/// The command line: its commands, and what they need.
package struct Program: Sendable {
    /// The commands, in the order of the help.
    package let commands: [any Command]
    /// What commands need from elsewhere.
    package let services: ProgramServices

    /// Creates a program.
    ///
    /// - Parameters:
    ///   - commands: The commands; by default all that there are.
    ///   - services: What they need from elsewhere.
    package init(commands: [any Command] = CommandList.all, services: ProgramServices = ProgramServices()) {
        self.commands = commands
        self.services = services
    }

    /// The descriptions of the commands.
    package var specs: [CommandSpec] { self.commands.map(\.spec) }

    /// Does what was typed, and reports what goes wrong.
    ///
    /// - Parameters:
    ///   - arguments: What was typed, without the program's own name.
    ///   - surroundings: The process around it.
    /// - Returns: What the shell is to be told.
    package func run(_ arguments: [String], in surroundings: Surroundings) async -> ExitCode {
        let terminal = Terminal(
            output: surroundings.output,
            errors: surroundings.errors,
            allowsColour: !arguments.contains("--no-color") && !surroundings.disallowsColour
        )
        do {
            switch try ArgumentParser(self.specs).parse(arguments) {
            case .version: try terminal.line("rollcall \(RollcallVersion.text)")
            case .list(let group): try terminal.text(HelpText.list(self.specs, group: group))
            case .help(let spec): try terminal.text(HelpText.command(spec))
            case .run(let parsed): return await self.run(parsed, in: surroundings)
            }
            return .done
        } catch {
            return self.end(with: error, terminal: terminal, backend: "")
        }
    }

    private func run(_ arguments: ParsedArguments, in surroundings: Surroundings) async -> ExitCode {
        let terminal = Terminal(
            output: surroundings.output,
            errors: surroundings.errors,
            format: arguments.option("output").flatMap(OutputFormat.init) ?? .table,
            isQuiet: arguments.flag("quiet"),
            allowsColour: !arguments.flag("no-color") && !surroundings.disallowsColour
        )
        let context = CommandContext(
            arguments: arguments,
            terminal: terminal,
            surroundings: surroundings,
            program: self
        )
        guard let command = self.commands.first(where: { $0.spec.name == arguments.spec.name }) else { return .usage }
        if command.takesSignals { return await self.carryOut(command, context) }
        return await self.interruptible(surroundings) { await self.carryOut(command, context) }
    }

    /// Runs `body`, which is cancelled at the first signal; a second Control-C ends the process at once.
    private func interruptible(
        _ surroundings: Surroundings,
        _ body: @escaping @Sendable () async -> ExitCode
    ) async -> ExitCode {
        let interruption = Interruption()
        return await withTaskGroup(of: ExitCode?.self) { group in
            group.addTask {
                let result = ResultBox()
                await race {
                    result.put(await body())
                } _: {
                    await interruption.wait()
                }
                return result.value
            }
            group.addTask {
                while let signal = await surroundings.signals.next() {
                    if interruption.raise(by: signal) { continue }
                    if signal.asksToEnd { surroundings.exitNow(.interrupted) }
                }
                return nil
            }
            var code = ExitCode.interrupted
            while let end = await group.next() {
                guard let end else { continue }
                code = end
                group.cancelAll()
            }
            return interruption.signal?.number == ReceivedSignal.interrupt.number ? .interrupted : code
        }
    }

    private func carryOut(_ command: any Command, _ context: CommandContext) async -> ExitCode {
        do {
            return try await command.run(in: context)
        } catch {
            return self.end(with: error, terminal: context.terminal, backend: context.shownBackendURL)
        }
    }

    private func end(with error: any Error, terminal: Terminal, backend: String) -> ExitCode {
        // Whatever a command was doing when it was interrupted, its failure is no news.
        if Task.isCancelled || error is CancellationError { return .interrupted }
        // The reader had enough, as `head` has.
        if (error as? OutputError)?.isClosed == true { return .done }
        let problem = Problem(error, backend: backend)
        if problem.exitCode != .interrupted { terminal.report(problem) }
        return problem.exitCode
    }
}

extension Surroundings {
    /// Whether the user wants no colours anywhere (no-color.org: set and not empty).
    fileprivate var disallowsColour: Bool {
        !(self.environment["NO_COLOR"] ?? "").isEmpty || self.environment["TERM"] == "dumb"
    }
}

/// The first signal that asked a command to end.
private final class Interruption: Sendable {
    private let first = Mutex<ReceivedSignal?>(nil)
    private let raised = Signal()

    var signal: ReceivedSignal? { self.first.withLock { $0 } }

    /// Notes a signal; false when there was one before.
    func raise(by signal: ReceivedSignal) -> Bool {
        let isFirst = self.first.withLock { first in
            defer { first = first ?? signal }
            return first == nil
        }
        self.raised.raise()
        return isFirst
    }

    func wait() async { await self.raised.wait() }
}

/// Carries a result out of a race.
private final class ResultBox: Sendable {
    private let stored = Mutex<ExitCode?>(nil)

    var value: ExitCode? { self.stored.withLock { $0 } }

    func put(_ value: ExitCode) { self.stored.withLock { $0 = value } }
}
