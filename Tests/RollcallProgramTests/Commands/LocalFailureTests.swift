import HTTPEngine
import Rollcall
import RollcallProgram
import Testing

@Suite("What fails on this machine is not blamed on the registry", .timeLimit(.minutes(1)))
struct LocalFailureTests {
    /// Runs a command that must fail, and returns what it said.
    private static func failing(_ arguments: String...) async -> String {
        let bench = Workbench()
        #expect(await bench.run(arguments) == .notThere)
        let text = bench.errors.text
        #expect(text.hasPrefix("error: "))
        #expect(!text.contains("is the registry running?") && !text.contains("memory:"), "\(text)")
        return text
    }

    @Test(
        "a port in use is told, with what names another",
        arguments: ["serve --memory", "gateway", "hello", "visits", "catalog", "logs serve --file FOLDER/log"]
    )
    func port(_ command: String) async throws {
        let folder = try TemporaryFolder()
        let taken = try TCPListener(host: "127.0.0.1", port: 0)
        defer { taken.close() }
        let bench = Workbench()
        let words = command.split(separator: " ").map { $0 == "FOLDER/log" ? folder.path + "/log" : String($0) }
        #expect(await bench.run(words + ["--listen", "\(taken.address)"]) == .notThere)
        let text = bench.errors.text
        #expect(text.contains("\(taken.address): Address already in use"), "\(text)")
        #expect(text.contains("try:   --listen names another address\n"), "\(text)")
        #expect(!text.contains("memory:") && !text.contains("registry"), "\(text)")
    }

    @Test("so is a port that the demonstration needs")
    func demo() async throws {
        let taken = try TCPListener(host: "127.0.0.1", port: 0)
        defer { taken.close() }
        for distance in [0, 1, 2, 3] {
            let bench = Workbench()
            let code = await bench.run("demo", "--exit", "--port-base", "\(taken.address.port - distance)")
            #expect(code == .notThere)
            let text = bench.errors.text
            // Another may have one of the others.
            #expect(text.contains("Address already in use"), "\(text)")
            #expect(text.contains("try:   --port-base names other ports"), "\(text)")
        }
    }

    @Test("a folder or file that cannot be used is told, with what names another")
    func files() async throws {
        let folder = try TemporaryFolder()
        try folder.write("", to: "file")
        let data = await Self.failing("serve", "--listen", "127.0.0.1:0", "--data", folder.path + "/file")
        #expect(data.contains("where: \(folder.path)/file\n") && data.contains("--data names another folder"))
        let missing = folder.path + "/none/log"
        let log = await Self.failing("logs", "serve", "--listen", "127.0.0.1:0", "--file", missing)
        #expect(log.contains("where: \(missing)\n") && log.contains("try:   --file names another file"))
    }

    @Test("an instance that does not answer is not the registry")
    func instance() async throws {
        let listener = try TCPListener(host: "127.0.0.1", port: 0)
        let address = listener.address
        listener.close()
        let bench = Workbench()
        let instance = try ServiceInstance(
            service: ServiceName("web"),
            id: InstanceID("a"),
            endpoints: [Endpoint("http://\(address)")]
        )
        _ = try await bench.backend.register(instance, ttl: .seconds(60))
        #expect(await bench.run("call", "web/") == .notThere)
        #expect(bench.errors.text.contains("Connection refused"))
        #expect(bench.errors.text.contains("try:   is that instance up? 'rollcall instances web' lists them all"))
        #expect(!bench.errors.text.contains("is the registry running?"))
    }

    @Test(
        "what means nothing to a hub is refused when one is started",
        arguments: ["--token=a", "--token-file=/dev/null", "--layout=rollcall", "--namespace=a"]
    )
    func foreignOptions(_ option: String) async {
        let bench = Workbench()
        #expect(await bench.run("serve", "--memory", "--listen", "127.0.0.1:0", option) == .usage)
        #expect(bench.errors.text.contains("\(option.prefix { $0 != "=" }) means nothing here"))
    }
}
