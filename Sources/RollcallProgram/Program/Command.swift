/// One command of the program: a description, and what it does.
///
/// A new command is a file with a type of this kind and a line in ``CommandList``; parsing, help and completion
/// follow from its ``spec``.
package protocol Command: Sendable {
    /// What it is called with.
    var spec: CommandSpec { get }

    /// Whether it takes signals itself, from ``CommandContext/signals``.
    ///
    /// Otherwise its task is cancelled at the first SIGINT, SIGTERM or SIGHUP, and it should end in order.
    var takesSignals: Bool { get }

    /// Does it.
    ///
    /// - Parameter context: What was typed, and where to write.
    /// - Returns: What the shell is told.
    /// - Throws: What went wrong; ``Problem`` knows the exit code of each error.
    func run(in context: CommandContext) async throws -> ExitCode
}

extension Command {
    /// Most leave signals to the program.
    package var takesSignals: Bool { false }
}
