package import Rollcall

/// How results are written.
package enum OutputFormat: String, CaseIterable, Sendable {
    /// For people.
    case table
    /// For programs: one document, or one for each line of a stream.
    case json
}

/// Where a command writes: results to standard output, everything else to standard error.
package struct Terminal: Sendable {
    /// How results are written.
    package let format: OutputFormat
    /// Whether only results and errors are wanted.
    package let isQuiet: Bool
    private let output: OutputSink
    private let errors: OutputSink
    private let allowsColour: Bool

    /// Creates a terminal.
    ///
    /// - Parameters:
    ///   - output: Takes results.
    ///   - errors: Takes everything else.
    ///   - format: How results are written.
    ///   - isQuiet: Whether only results and errors are wanted.
    ///   - allowsColour: Whether people see colours where a terminal is.
    package init(
        output: OutputSink,
        errors: OutputSink,
        format: OutputFormat = .table,
        isQuiet: Bool = false,
        allowsColour: Bool = true
    ) {
        self.output = output
        self.errors = errors
        self.format = format
        self.isQuiet = isQuiet
        self.allowsColour = allowsColour
    }

    /// Writes a line of a result.
    package func line(_ cells: Cell...) throws(OutputError) {
        try self.output.put(self.render(cells, self.output) + "\n")
    }

    /// Writes a text of this program's own, such as a script, as it is.
    package func text(_ text: String) throws(OutputError) {
        try self.output.put(text)
    }

    /// Writes what somebody else made, as it is.
    package func bytes(_ bytes: [UInt8]) throws(OutputError) {
        try self.output.put(bytes)
    }

    /// Writes a table.
    package func table(_ table: Table) throws(OutputError) {
        let lines = table.lines(inColour: self.output.isTerminal && self.allowsColour)
        try self.output.put(lines.map { $0 + "\n" }.joined())
    }

    /// Writes a document on a line.
    package func json(_ write: (inout JSONWriter) -> Void) throws(OutputError) {
        var writer = JSONWriter()
        write(&writer)
        try self.json(writer.bytes)
    }

    /// Writes a document on a line.
    package func json(_ bytes: [UInt8]) throws(OutputError) {
        try self.output.put(String(decoding: bytes, as: UTF8.self).jsonSafeForTerminal + "\n")
    }

    /// Says something in passing, unless only results and errors are wanted.
    package func note(_ cells: Cell...) {
        if !self.isQuiet { self.complain(cells) }
    }

    /// Says what went wrong, and what to try.
    package func report(_ problem: Problem) {
        self.complain([Cell("error:", .red), " \(problem.what)"])
        if let place = problem.place { self.complain(["  where: \(place)"]) }
        if let usage = problem.usage { self.complain(["  usage: \(usage)"]) }
        for advice in problem.advice { self.complain(["  try:   \(advice)"]) }
    }

    /// Says what happens in the background.
    package func log(_ level: Log.Level, _ component: String, _ message: String) {
        let style: Cell.Style = level >= .error ? .red : level == .warning ? .yellow : .plain
        self.complain([Cell("\(level):", style), " \(component): \(message)"])
    }

    private func complain(_ cells: [Cell]) {
        // When even errors are not read any longer, there is nobody left to tell.
        try? self.errors.put(self.render(cells, self.errors) + "\n")
    }

    private func render(_ cells: [Cell], _ sink: OutputSink) -> String {
        cells.map { $0.rendered(inColour: sink.isTerminal && self.allowsColour) }.joined()
    }
}

extension String {
    /// The same JSON with the control characters escaped that JSON lets stand: U+007F to U+009F.
    fileprivate var jsonSafeForTerminal: String {
        guard self.unicodeScalars.contains(where: { (0x7F...0x9F).contains($0.value) }) else { return self }
        return self.unicodeScalars.reduce(into: "") { text, scalar in
            // They stand in texts only, where such an escape means the same.
            text += (0x7F...0x9F).contains(scalar.value) ? "\\u00" + String(scalar.value, radix: 16) : String(scalar)
        }
    }
}
