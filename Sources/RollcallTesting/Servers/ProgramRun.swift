package import Rollcall

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

/// A program that ran to its end.
package struct ProgramRun: Hashable, Sendable {
    /// The status that it ended with; `nil` when a signal ended it.
    package let status: Int32?
    /// What it said.
    package let output: String

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - command: The path of the program, and its arguments.
    ///   - environment: The variables that it has.
    ///   - limit: How long it may take.
    /// - Returns: What it said and how it ended.
    /// - Throws: `unavailable` when it cannot be started, `timeout` when it takes too long: then it is killed.
    package static func of(
        _ command: [String],
        environment: [String: String] = [:],
        within limit: Duration = .seconds(20)
    ) async throws(BackendError) -> ProgramRun {
        let path = FileManager.default.temporaryDirectory.path + "/rollcall-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let program: SpawnedProgram
        do throws(SystemError) {
            program = try SpawnedProgram(command, environment: environment, output: path)
        } catch {
            throw BackendError(.unavailable, "\(command.first ?? "nothing") cannot be started: \(error)")
        }
        let clock = ContinuousClock()
        let deadline = clock.now.advanced(by: limit)
        while !program.hasEnded {
            guard clock.now < deadline, (try? await clock.sleep(for: .milliseconds(2))) != nil else {
                program.signal(SIGKILL)
                program.reap()
                throw BackendError(.timeout, "\(command.joined(separator: " ")) did not end within \(limit)")
            }
        }
        let status = program.reap()
        let output = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        return ProgramRun(status: status, output: output)
    }
}
