import Rollcall

/// Ends a command with a problem that it found itself.
package struct CommandFailure: Error {
    /// The problem.
    package let problem: Problem

    /// Creates an error.
    package init(_ what: String, place: String? = nil, advice: [String] = [], exitCode: ExitCode) {
        self.problem = Problem(what, place: place, advice: advice, exitCode: exitCode)
    }

    /// Runs what opens a port or a file of this machine, where a failure has nothing to do with the registry.
    ///
    /// - Parameters:
    ///   - place: What is opened, where its errors do not name it.
    ///   - advice: What to try.
    ///   - body: Opens it.
    /// - Returns: What `body` returns.
    /// - Throws: A ``CommandFailure``; what makes no sense at all stays as it is.
    static func local<Value>(
        place: String? = nil,
        advice: String,
        _ body: () throws(BackendError) -> Value
    ) throws -> Value {
        do throws(BackendError) {
            return try body()
        } catch {
            guard ExitCode(error.code) != .usage else { throw error }
            throw CommandFailure(error.message, place: place, advice: [advice], exitCode: .notThere)
        }
    }
}
