import Rollcall
import RollcallProgram
import Testing

@Suite("Reading commands", .timeLimit(.minutes(1)))
struct ReadingCommandTests {
    @Test("services lists names with counts, all or those of a prefix")
    func services() async throws {
        let bench = Workbench()
        #expect(await bench.run("services") == .done)
        #expect(bench.output.text.isEmpty)
        #expect(bench.errors.text == "there are no such services\n")
        try await bench.register("web", "a")
        try await bench.register("web", "b", InstanceChange(status: .critical))
        try await bench.register("team-x", "a", InstanceChange(status: .maintenance))
        #expect(await bench.run("services") == .done)
        #expect(
            bench.output.lines == [
                "SERVICE  PASSING  WARNING  CRITICAL  MAINTENANCE", "team-x   0        0        0         1",
                "web      1        0        1         0",
            ]
        )
        #expect(await bench.run("services", "team-", "--output", "json") == .done)
        #expect(
            bench.output.lines.last
                == #"{"services":[{"service":"team-x","passing":0,"warning":0,"critical":0,"maintenance":1}]}"#
        )
        #expect(await bench.run("services", "nothing") == .notThere)
    }

    @Test("instances as a table, and as the model's JSON")
    func instances() async throws {
        let bench = Workbench()
        try await bench.register("web", "web-1", InstanceChange(tags: ["blue", "fast"]))
        #expect(await bench.run("instances", "web") == .done)
        #expect(
            bench.output.lines == [
                "ID     ENDPOINT               STATUS   VERSION  ZONE  WEIGHT  TAGS",
                "web-1  http://192.0.2.1:8080  passing  1.4.2    a     1       blue,fast",
            ]
        )
        #expect(await bench.run("instances", "web", "--output=json") == .done)
        let stored = try await bench.instances("web")
        let json = String(decoding: stored[0].json, as: UTF8.self)
        #expect(bench.output.lines.last == #"{"service":"web","revision":1,"instances":["# + json + "]}")
    }

    @Test(
        "filters leave out what does not fit",
        arguments: [
            (["--status", "passing"], ["a", "b"]), (["--status", "warning"], ["c"]), (["--tag", "blue"], ["b"]),
            (["--tag", "blue", "--tag", "red"], []), (["--zone", "a"], ["a", "b", "c"]), (["--zone", "z"], []),
            (["--version", "^1.2"], ["a", "b", "c"]), (["--version", ">=2"], []),
        ]
    )
    func filters(_ options: [String], _ ids: [String]) async throws {
        let bench = Workbench()
        try await bench.register("web", "a")
        try await bench.register("web", "b", InstanceChange(tags: ["blue"]))
        try await bench.register("web", "c", InstanceChange(status: .warning))
        #expect(await bench.run(["instances", "web"] + options) == (ids.isEmpty ? .notThere : .done))
        #expect(bench.output.lines.dropFirst().map { String($0.prefix(1)) } == ids)
    }

    @Test("nothing registered is 1, and JSON shows it all the same")
    func noInstances() async {
        let bench = Workbench()
        #expect(await bench.run("instances", "web") == .notThere)
        #expect(bench.errors.text == "no instance of web is registered\n")
        #expect(await bench.run("instances", "web", "--output", "json", "--quiet") == .notThere)
        #expect(bench.output.lines == [#"{"service":"web","revision":1,"instances":[]}"#])
    }

    @Test("namespaces are apart, by option and by variable")
    func namespaces() async throws {
        var bench = Workbench()
        try await bench.register("web", "a")
        #expect(await bench.run("instances", "web", "--namespace", "shop") == .notThere)
        bench.environment["ROLLCALL_NAMESPACE"] = "shop"
        #expect(await bench.run("instances", "web") == .notThere)
        #expect(await bench.run("instances", "web", "--namespace", "default") == .done)
    }

    @Test("pick writes endpoints for a shell, or instances; by policy, as often as asked")
    func pick() async throws {
        let bench = Workbench()
        #expect(await bench.run("pick", "web") == .notThere)
        try await bench.register("web", "a")
        #expect(await bench.run("pick", "web", "--key", "user-1") == .done)
        #expect(bench.output.text == "http://192.0.2.1:8080\n")
        try await bench.register("web", "b")
        try await bench.register("web", "c", InstanceChange(weight: 0))
        #expect(await bench.run("pick", "web", "--policy", "round-robin", "--count", "3", "--output", "json") == .done)
        let picked = try bench.output.lines.dropFirst().map { try ServiceInstance(json: $0.utf8).id.text }
        #expect(picked == ["a", "b", "a"])
    }

    @Test("pick says why an instance is not chosen")
    func explain() async throws {
        let bench = Workbench()
        #expect(await bench.run("pick", "web", "--explain") == .notThere)
        try await bench.register("web", "a")
        try await bench.register("web", "b", InstanceChange(weight: 0))
        #expect(await bench.run("pick", "web", "--explain") == .done)
        let lines = bench.output.lines.filter { $0.hasPrefix("a ") || $0.hasPrefix("b ") }
        #expect(lines.count == 2)
        #expect(lines.first?.contains(" yes ") == true)
        #expect(lines.last?.contains(" no ") == true)
        #expect(lines.last?.hasSuffix("drained: its weight is 0") == true)
        #expect(await bench.run("pick", "web", "--explain", "--output", "json") == .done)
        let json = try #require(bench.output.lines.last)
        #expect(json.hasPrefix(#"{"service":"web","source":"memory","remarks":[],"instances":[{"id":"a","#))
        #expect(json.contains(#""id":"b","endpoint":"http://192.0.2.1:8080","chosen":false,"outstanding":0,"#))
        #expect(json.contains(#""remarks":[{"text":"drained: its weight is 0"}]"#))
    }

    @Test("health tells reachability and rights, and the exit code follows")
    func health() async throws {
        let bench = Workbench()
        #expect(await bench.run("health") == .done)
        #expect(bench.output.text.contains("can be written  yes"))
        #expect(await bench.run("health", "--output", "json") == .done)
        #expect(bench.output.lines.last?.contains(#""reachable":true,"canRead":true,"canWrite":true"#) == true)
        bench.registry.setReachable(false)
        #expect(await bench.run("health") == .unreachable)
        #expect(await bench.run("health", "--backend", "failing:permissionDenied") == .refused)
    }

    @Test("deregister takes out, and is 1 where nothing is")
    func deregister() async throws {
        let bench = Workbench()
        try await bench.register("web", "a")
        #expect(await bench.run("deregister", "web", "a") == .done)
        #expect(bench.output.text == "deregistered web/a\n")
        #expect(try await bench.instances("web").isEmpty)
        #expect(await bench.run("deregister", "web", "a") == .notThere)
        try await bench.register("web", "b")
        #expect(await bench.run("deregister", "web", "b", "--output", "json") == .done)
        #expect(bench.output.lines.last == #"{"service":"web","id":"b","removed":true}"#)
    }

    @Test("set changes status, weight, tags and metadata, and shows the result")
    func set() async throws {
        let bench = Workbench()
        try await bench.register("web", "a", InstanceChange(tags: ["old"], metadata: ["k": "v", "gone": "x"]))
        let code = await bench.run(
            "set",
            "web",
            "a",
            "--status",
            "maintenance",
            "--weight",
            "0",
            "--tag",
            "x",
            "--tag",
            "y",
            "--metadata",
            "k=a=b",
            "--metadata",
            "gone",
            "--output",
            "json"
        )
        #expect(code == .done)
        let instance = try #require(try await bench.instances("web").first)
        #expect(instance.status == .maintenance)
        #expect(instance.weight == 0)
        #expect(instance.tags == ["x", "y"])
        #expect(instance.metadata == ["k": "a=b"])
        #expect(bench.output.lines == [String(decoding: instance.json, as: UTF8.self)])
        #expect(await bench.run("set", "web", "a", "--tag=") == .done)
        #expect(try await bench.instances("web").first?.tags == [])
        #expect(await bench.run("set", "web", "b", "--weight", "1") == .notThere)
    }
}
