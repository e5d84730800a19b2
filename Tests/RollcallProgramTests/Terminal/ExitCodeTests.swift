import Rollcall
import RollcallProgram
import Testing

@Suite("Exit codes", .timeLimit(.minutes(1)))
struct ExitCodeTests {
    private static let expected: [(BackendError.Code, Int32)] = [
        (.notFound, 1), (.alreadyRunning, 1), (.invalidArgument, 2), (.tooLarge, 2), (.unsupported, 2),
        (.unavailable, 3), (.timeout, 3), (.protocolViolation, 3), (.notRunning, 3), (.closed, 3),
        (.unauthenticated, 4), (.permissionDenied, 4), (.conflict, 5), (.leaseLost, 5), (.displaced, 5),
        (.removed, 5), (.cancelled, 130),
    ]

    @Test("each failure of a backend has its exit code", arguments: expected)
    func codes(_ code: BackendError.Code, _ number: Int32) async {
        #expect(ExitCode(code).rawValue == number)
        let bench = Workbench()
        #expect(await bench.run("instances", "web", "--backend", "failing:\(code)").rawValue == number)
        #expect(await bench.run("set", "web", "a", "--weight", "0", "--backend", "failing:\(code)").rawValue == number)
    }

    @Test("no code of a backend was forgotten")
    func completeness() {
        #expect(Set(Self.expected.map(\.0)) == Set(BackendError.Code.all))
    }

    @Test(
        "wrong usage is 2",
        arguments: [
            ["frobnicate"], ["services", "--output", "xml"], ["instances"], ["instances", "a*"],
            ["instances", "web", "--version", "^x"], ["services", "--backend", "etcd://a:1"],
            ["services", "--backend", ""],
            ["services", "--namespace", ""], ["services", "--timeout", "never"], ["set", "web", "a"],
            ["set", "web", "a", "--weight", "70000"], ["set", "web", "a", "--metadata", "=x"],
            ["pick", "web", "--count", "0"], ["pick", "web", "--policy", "best"], ["register", "web"],
            ["register", "web", "--endpoint", "nowhere"], ["services", "--token-file", "/nonexistent/token"],
            ["register", "web", "--endpoint", "http://192.0.2.1:1", "--metadata", "alone"],
            ["register", "web", "--endpoint", "http://192.0.2.1:1", "--metadata", "a=1", "--metadata", "a=2"],
            ["register", "web", "--endpoint", "http://192.0.2.1:1", "--check", "ftp://x"],
            ["register", "web", "--endpoint", "http://192.0.2.1:1", "--check", "http://192.0.2.1:1"],
        ]
    )
    func usage(_ arguments: [String]) async {
        let bench = Workbench()
        #expect(await bench.run(arguments) == .usage)
        #expect(bench.errors.text.hasPrefix("error: "))
        #expect(bench.output.text.isEmpty)
    }

    @Test("a command line without a command is told how one looks")
    func commandMissing() async {
        let bench = Workbench()
        #expect(await bench.run("--output", "xml", "services") == .usage)
        #expect(bench.errors.text.contains("usage: rollcall COMMAND [OPTION…]\n"))
        #expect(bench.errors.text.contains("try:   rollcall --help\n"))
    }

    @Test("an invalid variable is 2 and is named")
    func variable() async {
        var bench = Workbench()
        bench.environment["ROLLCALL_TTL"] = "soon"
        #expect(await bench.run("services") == .usage)
        #expect(bench.errors.text.contains("correct the environment variable ROLLCALL_TTL"))
    }

    @Test("a password in the URL of a backend is not shown")
    func password() async {
        let bench = Workbench()
        #expect(await bench.run("services", "--backend", "etcd://me:secret@host:1") == .usage)
        #expect(bench.errors.text.contains("etcd://…@host:1"))
        #expect(!bench.errors.text.contains("secret"))
    }
}
