import Rollcall
import RollcallProgram
import Testing

@Suite("Terminal")
struct TerminalTests {
    @Test("a table has columns as wide as what stands in them, and no blanks at the ends")
    func table() throws {
        let output = Transcript()
        var table = Table("ID", "ZONE", "TAGS")
        table.append("a-long-id", "", "x")
        table.append("b", "eu", "")
        try Terminal(output: output.sink(), errors: output.sink()).table(table)
        #expect(output.text == "ID         ZONE  TAGS\na-long-id        x\nb          eu\n")
    }

    @Test("colours come on a terminal only, and not where they are not wanted", arguments: [true, false])
    func colours(_ isTerminal: Bool) throws {
        let output = Transcript()
        let sink = output.sink(isTerminal: isTerminal)
        try Terminal(output: sink, errors: sink).line(Cell("well", .green))
        try Terminal(output: sink, errors: sink, allowsColour: false).line(Cell("well", .green))
        #expect(output.text == (isTerminal ? "\u{1B}[32mwell\u{1B}[0m\nwell\n" : "well\nwell\n"))
    }

    @Test(
        "NO_COLOR, --no-color and a dumb terminal leave colours out",
        arguments: [
            ([], [:], true), (["--no-color"], [:], false), ([], ["NO_COLOR": "1"], false),
            ([], ["NO_COLOR": ""], true), ([], ["TERM": "dumb"], false),
        ] as [([String], [String: String], Bool)]
    )
    func wishes(_ options: [String], _ variables: [String: String], _ isColoured: Bool) async throws {
        var bench = Workbench()
        bench.isTerminal = true
        bench.environment.merge(variables) { _, new in new }
        try await bench.register("web", "web-1")
        #expect(await bench.run(["instances", "web"] + options) == .done)
        #expect(await bench.run(["instances", "web", "--zne"] + options) == .usage)
        #expect(bench.output.text.contains("\u{1B}[") == isColoured)
        #expect(bench.errors.text.contains("\u{1B}[") == isColoured)
    }

    @Test("what a terminal would obey is escaped, in tables, lines, notes, errors and JSON")
    func hostileText() throws {
        let hostile = "a\u{1B}]0;x\u{07}\r\u{9B}2J\u{202E}\u{7F}"
        let output = Transcript()
        let terminal = Terminal(output: output.sink(), errors: output.sink())
        var table = Table("NAME")
        table.append(Cell(hostile))
        try terminal.table(table)
        try terminal.line(Cell(hostile, .red))
        terminal.note(Cell(hostile))
        terminal.log(.error, "backend", hostile)
        terminal.report(Problem(hostile, place: hostile, advice: [hostile], exitCode: .done))
        try terminal.json { $0.string(hostile) }
        for scalar in output.text.unicodeScalars where scalar != "\n" {
            #expect(scalar.properties.generalCategory != .control)
        }
        var reader = JSONReader((output.lines.last ?? "").utf8)
        #expect(try reader.string() == hostile, "the JSON still means the same")
        #expect(output.lines.dropLast().allSatisfy { !$0.unicodeScalars.contains("\u{202E}") })
        #expect("plain ünïcode ✓".safeForTerminal == "plain ünïcode ✓")
    }

    @Test("--quiet leaves notes out, never errors")
    func quiet() {
        let errors = Transcript()
        let terminal = Terminal(output: errors.sink(), errors: errors.sink(), isQuiet: true)
        terminal.note("in passing")
        terminal.report(Problem("broken", exitCode: .done))
        #expect(errors.text == "error: broken\n")
    }

    @Test("an error says what failed, where, and what to try")
    func report() async {
        let bench = Workbench()
        #expect(await bench.run("services", "--backend", "failing:unavailable") == .unreachable)
        #expect(bench.errors.lines.count == 3)
        #expect(bench.errors.lines.first == "error: unavailable: as asked\\u{1B}[2J")
        #expect(bench.errors.lines.dropFirst().first == "  where: fail web, at failing:unavailable")
        #expect(bench.errors.lines.last?.hasPrefix("  try:   is the registry running? 'rollcall doctor' looks") == true)
        #expect(bench.output.text.isEmpty)
    }

    @Test("misuse is told with the usage line and the nearest that there is")
    func misuse() async {
        let bench = Workbench()
        #expect(await bench.run("instances", "web", "--stats", "passing") == .usage)
        #expect(
            bench.errors.lines == [
                "error: \"--stats\" is not an option of 'instances'",
                "  usage: rollcall instances SERVICE [OPTION…]", "  try:   --status, if that is what you meant",
                "  try:   rollcall instances --help",
            ]
        )
    }

    @Test("a reader who goes away ends the command without an error")
    func closedOutput() async {
        let bench = Workbench()
        let errors = Transcript()
        let code = await bench.program.run(
            ["services", "--output", "json"],
            in: Surroundings(
                environment: bench.environment,
                output: OutputSink { _ throws(OutputError) in throw OutputError.closed },
                errors: errors.sink()
            )
        )
        #expect(code == .done)
        #expect(errors.text.isEmpty)
    }
}
