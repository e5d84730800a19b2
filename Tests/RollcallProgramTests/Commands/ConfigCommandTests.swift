import Foundation
import Rollcall
import RollcallProgram
import RollcallTesting
import Testing

@Suite("Configuration on the command line", .timeLimit(.minutes(1)))
struct ConfigCommandTests {
    private func file(_ folder: TemporaryFolder, _ name: String, _ text: String) throws -> String {
        let path = folder.path + "/" + name
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    private func stored(_ bench: Workbench, _ key: String = "shop/limits") async throws -> ConfigEntry? {
        try await bench.backend.entry(for: ConfigKey(key))
    }

    @Test("put stores by the file's type, get prints what is stored, byte for byte")
    func putAndGet() async throws {
        let folder = try TemporaryFolder()
        let bench = Workbench()
        let path = try self.file(folder, "limits.json", "{\"a\": 1}\n\n")
        #expect(await bench.run("config", "put", "/shop/limits", path, "--name", "Limits") == .done)
        #expect(bench.output.lines == ["stored shop/limits as version 1, revision 1"])
        #expect(try await self.stored(bench)?.content.format == .json)
        let reading = Workbench(sharing: bench)
        #expect(await reading.run("config", "get", "shop/limits") == .done)
        #expect(reading.output.text == "{\"a\": 1}\n\n")
        #expect(await reading.run("config", "get", "shop/limits", "--output", "json") == .done)
        #expect(reading.output.lines.last?.contains(#""name":"Limits","version":1"#) == true)
        #expect(await reading.run("config", "get", "nothing") == .notThere)
        #expect(await reading.run("config", "get", "shop/limits", "--version", "7") == .notThere)
    }

    @Test("standard input can be stored, and --expect keeps from overwriting what nobody has seen")
    func expectations() async throws {
        var bench = Workbench()
        bench.input = Array("on".utf8)
        #expect(await bench.run("config", "put", "switch", "-", "--expect", "none") == .done)
        #expect(await bench.run("config", "put", "switch", "-", "--expect", "none") == .conflict)
        #expect(await bench.run("config", "put", "switch", "-", "--expect", "1") == .done)
        #expect(await bench.run("config", "put", "switch", "-", "--expect", "1") == .conflict)
        #expect(await bench.run("config", "delete", "switch", "--expect", "1") == .conflict)
        #expect(await bench.run("config", "delete", "switch") == .done)
        #expect(await bench.run("config", "delete", "switch") == .notThere)
    }

    @Test("what is not what its type says is not sent")
    func formats() async throws {
        let folder = try TemporaryFolder()
        let bench = Workbench()
        for name in ["a.json", "a.yaml", "a.yml", "a.toml"] {
            let path = try self.file(folder, name, "{ secret")
            #expect(await bench.run("config", "put", "a", path) == .usage, "\(name)")
        }
        #expect(bench.errors.text.contains("line") && !bench.errors.text.contains("secret"))
        #expect(try await self.stored(bench, "a") == nil)
        let path = try self.file(folder, "b.json", "{")
        #expect(await bench.run("config", "put", "a", path, "--type", "text") == .done)
        #expect(await bench.run("config", "put", "a", path, "--type", "nonsense") == .usage)
        #expect(await bench.run("config", "put", "a*", path) == .usage)
        #expect(await bench.run("config", "put", "a", folder.path + "/nothing") == .usage)
    }

    @Test("list, history, rollback and diff")
    func history() async throws {
        let folder = try TemporaryFolder()
        let bench = Workbench()
        for text in ["one\ntwo\nthree\n", "one\n2\nthree\n"] {
            let path = try self.file(folder, "a.txt", text)
            #expect(await bench.run("config", "put", "shop/a", path) == .done)
        }
        let reading = Workbench(sharing: bench)
        #expect(await reading.run("config", "list", "shop/") == .done)
        #expect(reading.output.lines.last?.hasPrefix("shop/a  2        2         text/plain") == true)
        #expect(await reading.run("config", "list", "nothing") == .notThere)
        #expect(await reading.run("config", "history", "shop/a") == .done)
        #expect(reading.output.lines.suffix(2).map { $0.prefix(1) } == ["2", "1"])
        #expect(await reading.run("config", "history", "nothing") == .notThere)
        let comparing = Workbench(sharing: bench)
        #expect(await comparing.run("config", "diff", "shop/a", "1") == .notThere)
        #expect(
            comparing.output.lines == [
                "--- shop/a version 1", "+++ shop/a version 2", "@@ -1,3 +1,3 @@", " one", "-two", "+2", " three",
            ]
        )
        #expect(await comparing.run("config", "diff", "shop/a", "2", folder.path + "/a.txt") == .done)
        #expect(await comparing.run("config", "diff", "shop/a", "9") == .notThere)
        #expect(await bench.run("config", "rollback", "shop/a", "1") == .done)
        #expect(try await self.stored(bench, "shop/a")?.content.text == "one\ntwo\nthree\n")
        #expect(await bench.run("config", "rollback", "shop/a", "9") == .notThere)
        #expect(await bench.run("config", "rollback", "shop/a", "x") == .usage)
    }

    @Test("edit stores what the editor left, shows what differs, and keeps a text that is refused")
    func edit() async throws {
        let folder = try TemporaryFolder()
        var bench = Workbench()
        bench.environment["TMPDIR"] = folder.path
        let path = try self.file(folder, "limits.json", "{\"a\":1}\n")
        #expect(await bench.run("config", "put", "shop/limits", path) == .done)
        bench.environment["EDITOR"] = "sed -i s/1/2/"
        #expect(await bench.run("config", "edit", "shop/limits") == .done)
        #expect(try await self.stored(bench)?.content == ConfigContent("{\"a\":2}\n", format: .json))
        #expect(bench.output.lines.contains("-{\"a\":1}") && bench.output.lines.contains("+{\"a\":2}"))
        #expect(await bench.run("config", "edit", "shop/limits") == .done)
        #expect(bench.errors.lines.last == "nothing was changed")
        bench.environment["EDITOR"] = "sed -i s/2/two/"
        #expect(await bench.run("config", "edit", "shop/limits") == .usage)
        #expect(try await self.stored(bench)?.version == 2)
        #expect(bench.errors.text.contains("where: /"))
        bench.environment["EDITOR"] = "false"
        #expect(await bench.run("config", "edit", "shop/limits") == .notThere)
    }

    @Test("export and import carry all, and nothing is overwritten with --new")
    func exchange() async throws {
        let folder = try TemporaryFolder()
        let bench = Workbench()
        for (key, text) in [("shop/a", "1"), ("shop/b", "{}")] {
            let path = try self.file(folder, key == "shop/b" ? "b.json" : "a.txt", text)
            #expect(await bench.run("config", "put", key, path) == .done)
        }
        let exporting = Workbench(sharing: bench)
        #expect(await exporting.run("config", "export", "shop/") == .done)
        let path = try self.file(folder, "all.json", exporting.output.text)
        let other = Workbench()
        #expect(await other.run("config", "import", path, "--new") == .done)
        #expect(try await self.stored(other, "shop/b")?.content.format == .json)
        #expect(await other.run("config", "import", path, "--new") == .conflict)
        #expect(await other.run("config", "import", path) == .done)
        let rubbish = try self.file(folder, "rubbish.json", #"{"entries":[{"key":"a"}]}"#)
        #expect(await other.run("config", "import", rubbish) == .usage)
        #expect(other.errors.text.contains("entries[0].content"))
    }

    @Test("watch shows what is there and what changes")
    func watch() async throws {
        let bench = Workbench()
        let key = try ConfigKey("a")
        let code = try await bench.running("config watch a") {
            try await eventually { bench.output.lines == ["- a has nothing stored"] }
            _ = try await bench.backend.write(ConfigDraft(ConfigContent("1")), to: key, expecting: .any)
            try await eventually { bench.output.lines.count == 2 }
            bench.signals.deliver(.terminate)
        }
        #expect(code == .done)
        #expect(bench.output.lines.last == "= a version 1, revision 1, 1 bytes of text/plain")
    }

    @Test("propose, readers, promote and abandon")
    func releases() async throws {
        let folder = try TemporaryFolder()
        let bench = Workbench()
        let path = try self.file(folder, "a.txt", "new")
        #expect(await bench.run("config", "propose", "a", path) == .usage)
        #expect(await bench.run("config", "propose", "a", path, "--percent", "101") == .usage)
        #expect(await bench.run("config", "propose", "a", path, "--zone", "x", "--percent", "12.5") == .done)
        let candidate = try await bench.backend.candidate(for: ConfigKey("a"))
        #expect(candidate?.audience == ConfigAudience(zones: ["x"], share: 1_250))
        let instance = ConfigInstance(id: try InstanceID("web-1"))
        try await bench.backend.report([ConfigKey("a"): 1], as: instance)
        #expect(await bench.run("config", "readers", "a") == .notThere)
        #expect(await bench.run("config", "promote", "a") == .done)
        #expect(try await self.stored(bench, "a")?.content.text == "new")
        #expect(await bench.run("config", "promote", "a") == .notThere)
        #expect(await bench.run("config", "abandon", "a") == .notThere)
    }

    @Test("a backend without configuration says so")
    func unsupported() async throws {
        var bench = Workbench()
        bench.environment["ROLLCALL_BACKEND"] = "failing:unavailable"
        #expect(await bench.run("config", "list") == .usage)
        #expect(bench.errors.text.contains("this backend has no configuration"))
        #expect(await bench.run("lock", "a", "--", "true") == .usage)
    }
}
