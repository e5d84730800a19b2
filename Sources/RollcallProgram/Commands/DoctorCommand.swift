import Rollcall

/// `rollcall doctor`: what is wrong with this machine's set-up, and what to do.
struct DoctorCommand: Command {
    let spec = CommandSpec(
        "doctor",
        summary: "look what is wrong with this machine's set-up, and say what to do",
        discussion: "Exits with 1 when a check fails; warnings do not count."
    )

    func run(in context: CommandContext) async throws -> ExitCode {
        let findings = await Examination(context: context).findings()
        if context.terminal.format == .json {
            try context.terminal.json { Self.write(findings, to: &$0) }
        } else {
            for finding in findings { try Self.show(finding, context.terminal) }
        }
        return findings.contains { $0.grade == .fail } ? .notThere : .done
    }

    private static func show(_ finding: Finding, _ terminal: Terminal) throws {
        let styles: [Finding.Grade: Cell.Style] = [.ok: .green, .warn: .yellow, .fail: .red]
        let grade = finding.grade.rawValue
        let padding = String(repeating: " ", count: 6 - grade.count)
        try terminal.line(
            Cell(grade, styles[finding.grade] ?? .plain),
            "\(padding)\(finding.subject): \(finding.detail)"
        )
        if let advice = finding.advice { try terminal.line("      try: \(advice)") }
    }

    private static func write(_ findings: [Finding], to writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("checks")
            writer.array { writer in
                for finding in findings {
                    writer.object { writer in
                        writer.key("check")
                        writer.string(finding.subject)
                        writer.key("status")
                        writer.string(finding.grade.rawValue)
                        writer.key("detail")
                        writer.string(finding.detail)
                        guard let advice = finding.advice else { return }
                        writer.key("advice")
                        writer.string(advice)
                    }
                }
            }
        }
    }
}

/// What one check found.
struct Finding: Hashable, Sendable {
    /// How well it is.
    enum Grade: String, Sendable {
        /// As it should be.
        case ok
        /// Wants attention, and works.
        case warn
        /// Does not work.
        case fail
    }

    /// What was looked at.
    let subject: String
    /// How well it is.
    let grade: Grade
    /// What was seen.
    let detail: String
    /// What to do.
    let advice: String?

    /// Creates a finding.
    init(_ subject: String, _ grade: Grade, _ detail: String, advice: String? = nil) {
        self.subject = subject
        self.grade = grade
        self.detail = detail
        self.advice = advice
    }
}
