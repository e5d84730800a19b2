import Rollcall

/// `rollcall pick --explain`: who may be chosen, who not, and why.
extension PickCommand {
    /// Writes the report.
    ///
    /// - Returns: Done if somebody may be chosen.
    func explain(_ report: SelectionReport, _ context: CommandContext) throws -> ExitCode {
        if context.terminal.format == .json {
            try context.terminal.json { Self.write(report, to: &$0) }
        } else {
            var table = Table("ID", "ENDPOINT", "CHOSEN", "CALLS", "LATENCY", "REMARKS")
            for entry in report.entries {
                table.append(
                    Cell(entry.instance.id.text),
                    Cell(entry.instance.endpoint.description),
                    entry.isIn ? Cell("yes", .green) : Cell("no", .red),
                    Cell("\(entry.outstanding)"),
                    Cell(entry.averageLatency?.inMilliseconds ?? "-"),
                    Cell(entry.remarks.map(\.line).joined(separator: "; "))
                )
            }
            try context.terminal.table(table)
            for remark in report.remarks { context.terminal.note(Cell(remark.line)) }
        }
        return report.entries.contains(where: \.isIn) ? .done : .notThere
    }

    private static func write(_ report: SelectionReport, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("service")
            writer.string(report.service.text)
            if let source = report.source {
                writer.key("source")
                writer.string(source)
            }
            self.write(report.remarks, to: &writer)
            writer.key("instances")
            writer.array { writer in
                for entry in report.entries { self.write(entry, to: &writer) }
            }
        }
    }

    private static func write(_ entry: SelectionReport.Entry, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("id")
            writer.string(entry.instance.id.text)
            writer.key("endpoint")
            writer.string(entry.instance.endpoint.description)
            writer.key("chosen")
            writer.boolean(entry.isIn)
            writer.key("outstanding")
            writer.integer(entry.outstanding)
            if let latency = entry.averageLatency {
                writer.key("averageLatency")
                writer.string(latency.inMilliseconds)
            }
            self.write(entry.remarks, to: &writer)
        }
    }

    private static func write(_ remarks: [SelectionReport.Remark], to writer: inout JSONWriter) {
        writer.key("remarks")
        writer.array { writer in
            for remark in remarks {
                writer.object { writer in
                    writer.key("text")
                    writer.string(remark.text)
                    if let age = remark.age {
                        writer.key("age")
                        writer.string(age.text)
                    }
                }
            }
        }
    }
}

extension SelectionReport.Remark {
    /// The remark with its age, for people.
    fileprivate var line: String { self.age.map { "\(self.text) (since \($0.text))" } ?? self.text }
}
