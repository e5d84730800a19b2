#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// What the program sees of the process that it runs in; tests make their own.
package struct Surroundings: Sendable {
    /// The environment variables.
    package var environment: [String: String]
    /// Standard output.
    package var output: OutputSink
    /// Standard error.
    package var errors: OutputSink
    /// Reads standard input to its end.
    package var input: @Sendable () throws -> [UInt8]
    /// Where signals arrive.
    package var signals: SignalInbox
    /// Has signals arrive, too, that only a program means something to which this one runs.
    package var takeMoreSignals: @Sendable () -> Void
    /// Ends the process at once, when somebody interrupts it a second time.
    package var exitNow: @Sendable (ExitCode) -> Void

    /// Creates surroundings.
    package init(
        environment: [String: String],
        output: OutputSink,
        errors: OutputSink,
        input: @escaping @Sendable () throws -> [UInt8] = { [] },
        signals: SignalInbox = SignalInbox(),
        takeMoreSignals: @escaping @Sendable () -> Void = {},
        exitNow: @escaping @Sendable (ExitCode) -> Void = { _ in }
    ) {
        self.environment = environment
        self.output = output
        self.errors = errors
        self.input = input
        self.signals = signals
        self.takeMoreSignals = takeMoreSignals
        self.exitNow = exitNow
    }

    /// Those of this process.
    package static func ofProcess(signals: SignalInbox) -> Surroundings {
        Surroundings(
            environment: ProcessInfo.processInfo.environment,
            output: OutputSink(descriptor: STDOUT_FILENO),
            errors: OutputSink(descriptor: STDERR_FILENO),
            input: { try StandardInput.readToEnd() },
            signals: signals,
            takeMoreSignals: { SignalHandlers.takeMore() },
            exitNow: { _exit($0.rawValue) }
        )
    }
}
