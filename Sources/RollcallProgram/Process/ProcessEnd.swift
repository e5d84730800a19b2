#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// How another program ended.
package enum ProcessEnd: Hashable, Sendable {
    /// By itself, with this status.
    case exited(Int32)
    /// By this signal.
    case killed(by: Int32)

    /// Reads what `waitpid` says.
    init(waitStatus status: Int32) {
        // The macros of the C library, which Swift does not see: the low seven bits hold the signal.
        let signal = status & 0x7F
        self = signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(by: signal)
    }

    /// What the shell is told: a signal counts from 128.
    package var exitCode: ExitCode {
        switch self {
        case .exited(let status): ExitCode(rawValue: status)
        case .killed(let signal): ExitCode(rawValue: 128 + signal)
        }
    }
}
