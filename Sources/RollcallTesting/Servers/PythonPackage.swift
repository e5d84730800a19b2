package import Rollcall

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A package of Python by which tests drive a server as its users do.
package struct PythonPackage: Hashable, Sendable, CustomStringConvertible {
    /// Its name, in `REQUIRED_BACKENDS`, too.
    package let description: String
    private let module: String
    private let debianPackage: String
    /// The Python that has it; `nil` when none does.
    private let interpreter: String?

    /// Looks for a package in the `python3` of `PATH`.
    ///
    /// - Parameters:
    ///   - name: What it is called.
    ///   - module: The name that it is imported by.
    ///   - debianPackage: What Debian calls it.
    ///   - environment: The variables.
    package init(
        _ name: String,
        module: String,
        debianPackage: String,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) {
        self.description = name
        self.module = module
        self.debianPackage = debianPackage
        let paths = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/python3" }
        self.interpreter = paths.first { FileManager.default.isExecutableFile(atPath: $0) }.flatMap { path in
            let said = try? SpawnedProgram.output(of: [path, "-c", "import \(module); print('it is here')"])
            // An error shows the line that failed.
            return said?.hasPrefix("it is here") == true ? path : nil
        }
    }

    /// python-consul.
    package static let consul = PythonPackage("python-consul", module: "consul", debianPackage: "python3-consul")

    /// Whether it is here.
    package var isHere: Bool { self.interpreter != nil }

    /// Whether tests that need it are to run: also where it is not here and is required, so that they fail.
    package var isWanted: Bool { self.isHere || self.isRequired }

    /// Whether `REQUIRED_BACKENDS` names it.
    package var isRequired: Bool {
        (ProcessInfo.processInfo.environment["REQUIRED_BACKENDS"] ?? "").split(separator: ",")
            .contains { $0 == self.description }
    }

    /// Why tests that need it do not run.
    package var skipReason: String {
        "\(self.description) is not here: python3 on PATH must `import \(self.module)`, for which Debian's package "
            + "\(self.debianPackage) is"
    }

    /// Runs a program in Python to its end.
    ///
    /// - Parameters:
    ///   - script: The file.
    ///   - arguments: Its arguments.
    /// - Returns: What it said.
    /// - Throws: `unavailable` when there is no such package here or the program cannot be run.
    package func run(_ script: String, _ arguments: [String]) async throws(BackendError) -> String {
        guard let interpreter else { throw BackendError(.unavailable, self.skipReason) }
        // Waiting for it would keep one of the few threads that tasks run on.
        let outcome = try? await SystemThread.run { try? SpawnedProgram.output(of: [interpreter, script] + arguments) }
        guard let outcome = outcome.flatMap(\.self) else {
            throw BackendError(.unavailable, "\(interpreter) cannot be run")
        }
        return outcome
    }
}
