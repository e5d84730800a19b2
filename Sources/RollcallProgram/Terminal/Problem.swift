import Rollcall
import RollcallService

/// An error as people are told of it: what failed, where, and what to try.
package struct Problem: Hashable, Sendable {
    /// What failed.
    package let what: String
    /// Where it failed, if anywhere in particular.
    package let place: String?
    /// How the command is called, if it was called wrongly.
    package let usage: String?
    /// What to try.
    package let advice: [String]
    /// What the shell is told.
    package let exitCode: ExitCode

    /// Creates a problem.
    package init(
        _ what: String,
        place: String? = nil,
        usage: String? = nil,
        advice: [String] = [],
        exitCode: ExitCode
    ) {
        self.what = what
        self.place = place
        self.usage = usage
        self.advice = advice
        self.exitCode = exitCode
    }

    /// What an error means for whoever typed the command.
    ///
    /// - Parameters:
    ///   - error: The error.
    ///   - backend: The URL of the backend that was asked.
    package init(_ error: any Error, backend: String) {
        switch error {
        case let problem as CommandFailure: self = problem.problem
        case let error as UsageError: self.init(error)
        case let error as ValidationError:
            self.init(error.description, advice: Self.advice(about: error), exitCode: .usage)
        case let error as BackendError: self.init(error, backend: backend)
        case let error as ServiceRunError: self.init(error, backend: backend)
        default: self.init("\(error)", exitCode: .notThere)
        }
    }

    private init(_ error: UsageError) {
        var advice = error.suggestion.map { ["\($0), if that is what you meant"] } ?? []
        let words = error.usage.split(separator: " ").dropFirst().prefix { $0.allSatisfy { $0.isLowercase } }
        let command = words.map { " \($0)" }.joined()
        advice.append(error.usage.isEmpty ? "rollcall --help" : "rollcall\(command) --help")
        self.init(
            error.message,
            usage: error.usage.isEmpty ? nil : error.usage,
            advice: advice,
            exitCode: .usage
        )
    }

    private init(_ error: BackendError, backend: String) {
        guard error.operation != "call", error.operation != "log" else {
            self.init(ofService: error)
            return
        }
        let attempt = [error.operation, error.key].compactMap(\.self).joined(separator: " ")
        let cause = error.cause.map { $0 is ValidationError ? "" : " (\($0))" } ?? ""
        self.init(
            "\(error.code): \(error.message)\(cause)",
            place: attempt.isEmpty ? backend : "\(attempt), at \(backend)",
            advice: Self.advice(about: error.code),
            exitCode: ExitCode(error.code)
        )
    }

    /// What an instance did that the registry knew of.
    private init(ofService error: BackendError) {
        let isAway = [.unavailable, .timeout, .protocolViolation].contains(error.code)
        self.init(
            "\(error.code): \(error.message)",
            place: error.key.map { "a call to \($0)" },
            advice: isAway
                ? ["is that instance up? 'rollcall instances \(error.key ?? "SERVICE")' lists them all"]
                : Self.advice(about: error.code),
            exitCode: isAway ? .notThere : ExitCode(error.code)
        )
    }

    /// What ended a service: its own address, or the registry.
    private init(_ error: ServiceRunError, backend: String) {
        guard let failure = error.failures.first, error.failures.count == 1 else {
            self.init("\(error)", exitCode: .notThere)
            return
        }
        guard failure.stage == .listen, (failure.error as? BackendError)?.code != .invalidArgument else {
            self.init(failure.error, backend: backend)
            return
        }
        let what = (failure.error as? BackendError)?.message ?? "\(failure.error)"
        self.init(what, advice: ["--listen names another address"], exitCode: .notThere)
    }

    private static func advice(about error: ValidationError) -> [String] {
        error.field.hasPrefix("ROLLCALL_") || error.field.hasPrefix("gosd")
            ? ["correct the environment variable \(error.field), or unset it"] : []
    }

    private static func advice(about code: BackendError.Code) -> [String] {
        switch code {
        case .unavailable, .timeout:
            ["is the registry running? 'rollcall doctor' looks; --backend or ROLLCALL_BACKEND names another"]
        case .unauthenticated: ["give a token: --token-file FILE or ROLLCALL_TOKEN"]
        case .permissionDenied: ["ask whoever runs the registry for a token that allows this"]
        case .notFound: ["'rollcall services' lists what there is"]
        case .conflict: ["read what is there now, and decide again"]
        case .displaced: ["give each process its own --id"]
        case .removed: ["somebody took it out on purpose: ask, or register under another --id"]
        case .unsupported: ["another --backend, or 'rollcall --help' for what else there is"]
        case .protocolViolation: ["is that the address of a registry? 'rollcall doctor' looks"]
        default: []
        }
    }
}
