package import Rollcall

/// What the program tells the shell; scripts rely on the numbers.
package struct ExitCode: RawRepresentable, Hashable, Sendable {
    /// The number.
    package let rawValue: Int32

    /// The exit code with a number: a command's own constants, or the status of a program that it ran.
    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// It is done.
    package static let done = ExitCode(rawValue: 0)
    /// What was asked for is not there, or a check failed.
    package static let notThere = ExitCode(rawValue: 1)
    /// The command line cannot be carried out.
    package static let usage = ExitCode(rawValue: 2)
    /// The registry did not answer.
    package static let unreachable = ExitCode(rawValue: 3)
    /// The registry refused: authentication or permission.
    package static let refused = ExitCode(rawValue: 4)
    /// Somebody else was there first.
    package static let conflict = ExitCode(rawValue: 5)
    /// The program to run may not be run, as shells say it.
    package static let notExecutable = ExitCode(rawValue: 126)
    /// The program to run is not there, as shells say it.
    package static let commandNotFound = ExitCode(rawValue: 127)
    /// Somebody interrupted it.
    package static let interrupted = ExitCode(rawValue: 130)

    /// The exit code that stands for an error of a backend.
    package init(_ code: BackendError.Code) {
        switch code {
        case .invalidArgument, .tooLarge, .unsupported: self = .usage
        case .unavailable, .timeout, .protocolViolation, .notRunning, .closed: self = .unreachable
        case .unauthenticated, .permissionDenied: self = .refused
        case .conflict, .leaseLost, .displaced, .removed: self = .conflict
        case .cancelled: self = .interrupted
        default: self = .notThere
        }
    }
}
