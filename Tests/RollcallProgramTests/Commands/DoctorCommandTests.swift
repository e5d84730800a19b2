import Rollcall
import RollcallProgram
import Testing

@Suite("doctor", .timeLimit(.minutes(1)))
struct DoctorCommandTests {
    @Test("a good set-up has no line that fails")
    func good() async {
        var bench = Workbench()
        bench.answersAt = { address, port in address == "127.0.0.1" && port == 20000 }
        #expect(await bench.run("doctor") == .done)
        for subject in ["environment", "backend URL", "registry", "default port", "file descriptors", "clock"] {
            #expect(bench.output.lines.contains { $0.contains(" \(subject): ") })
        }
        #expect(!bench.output.text.contains("fail"))
        #expect(bench.output.text.contains("something answers at 127.0.0.1:20000"))
    }

    @Test(
        "what is wrong fails, and says what to do",
        arguments: [
            (["ROLLCALL_BACKEND": "etcd://a:1"], "fail  backend URL: unsupported", "another --backend"),
            (
                ["ROLLCALL_BACKEND": "failing:unavailable"], "fail  registry: not reachable: unavailable",
                "rollcall serve"
            ),
            (["ROLLCALL_BACKEND": "failing:nonsense"], "fail  backend URL: invalidArgument", ""),
            (["ROLLCALL_TTL": "soon"], "fail  environment: ROLLCALL_TTL", "correct ROLLCALL_TTL, or unset it"),
        ]
    )
    func failures(_ variables: [String: String], _ line: String, _ advice: String) async {
        var bench = Workbench()
        bench.environment.merge(variables) { _, new in new }
        #expect(await bench.run("doctor") == .notThere)
        #expect(bench.output.text.contains(line))
        #expect(bench.output.text.contains(advice))
    }

    @Test("what wants attention is a warning, and no failure")
    func warnings() async {
        var bench = Workbench()
        bench.environment["ROLLCALL_BACKND"] = "x"
        #expect(await bench.run("doctor") == .done)
        #expect(bench.output.text.contains("warn  environment: ROLLCALL_BACKND means nothing to Rollcall"))
        #expect(bench.output.text.contains("try: ROLLCALL_BACKEND, if that is what you meant"))
    }

    @Test("the same as JSON")
    func json() async throws {
        let bench = Workbench()
        #expect(await bench.run("doctor", "--output", "json") == .done)
        var reader = JSONReader(bench.output.text.utf8)
        var statuses: [String] = []
        try reader.object { (reader, _) throws(ValidationError) in
            try reader.array { (reader) throws(ValidationError) in
                try reader.object { (reader, name) throws(ValidationError) in
                    if name == "status" { statuses.append(try reader.string()) } else { try reader.skip() }
                }
            }
        }
        #expect(statuses.count >= 6)
        #expect(Set(statuses).isSubset(of: ["ok", "warn"]))
    }
}
