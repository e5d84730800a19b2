import Foundation
import Rollcall
import RollcallHTTP
import RollcallHub
import RollcallHubClient
import RollcallService
import RollcallTesting
import Synchronization
import Testing

/// The code of the articles in `Rollcall.docc`, so that it keeps compiling and does what it says.
@Suite("Articles", .timeLimit(.minutes(1)))
struct ArticleTests {
    private static let folder = "Sources/Rollcall/Rollcall.docc"

    @Test(
        "each block of code is here, line by line",
        arguments: [
            ("Rollcall", 1), ("GettingStarted", 2), ("WritingAService", 5), ("CallingAService", 6),
            ("RunningTheHub", 1), ("ImplementingABackend", 3),
        ]
    )
    func blocks(_ article: String, _ count: Int) throws {
        let files = ["ExampleTests/ArticleTests", "ExampleTests/ArticleStandIns", "ContractTests/ArticleHarness"]
        let sources = try files.map { Repository.lines(try Repository.read("Tests/\($0).swift")) }
        let blocks = try Repository.blocks(of: "swift", in: "\(Self.folder)/\(article).md")
        #expect(blocks.count == count)
        for block in blocks {
            let isHere = sources.contains { lines in
                lines.indices.contains { lines[$0...].starts(with: block) }
            }
            #expect(isHere, "not in the tests: \(block.joined(separator: "\n"))")
        }
    }

    @Test("landing page and getting started: within one process")
    func oneProcess() async throws {
        let said = Said()
        func print(_ text: String) { said.add(text) }
        let client = RollcallClient(registry: MemoryBackend())
        try await withRollcallClient(client) { client in
            let web = try ServiceName("web")
            let instance = try ServiceInstance(service: web, endpoints: [Endpoint("http://10.0.0.7:8080")])
            try await withRegistration(of: instance, in: client.registry) { _ in
                let found = try await client.discovery.instance(of: web)
                print("call \(found.endpoint)")
            }
        }
        #expect(said.all == ["call http://10.0.0.7:8080"])
    }

    @Test("getting started: across processes")
    func manyProcesses() async throws {
        try await withHub { url in
            let environment = ["ROLLCALL_BACKEND": url]
            let configuration = try RollcallConfiguration(environment: environment)
            let backends = RollcallClient.builtInBackends.merging(["hub": HubBackend.opener]) { _, new in new }
            let client = try RollcallClient(configuration, backends: backends)
            try await withRollcallClient(client) { client in
                #expect(await client.health().isReachable)
            }
        }
    }

    @Test("writing a service: a runner")
    func runner() async throws {
        let client = RollcallClient(registry: MemoryBackend(), configuration: Self.quick)
        let listener = Listener()
        let greeter = try ServiceName("greeter")
        // Nobody asks it to end before it can be called.
        let interrupted: @Sendable () async -> Void = {
            _ = try? await client.discovery.instance(of: greeter)
        }
        let runner = ServiceRunner(
            service: try ServiceName("greeter"),
            client: client,
            configuration: ServiceRunnerConfiguration(
                version: SemanticVersion(1, 2),
                requires: [try ServiceName("log")],
                requirements: .warn
            ),
            server: GreeterServer(listener: listener)
        )
        try await withRollcallClient(client) { _ in
            try await runner.run { await interrupted() }
        }
        #expect(listener.calls == ["bind", "close"])
        #expect(runner.endpoints.map(\.description) == ["tcp://127.0.0.1:20099"])
    }

    @Test("writing a service without a server, and calling it by name")
    func http() async throws {
        let said = Said()
        func print(_ text: String) { said.add(text) }
        let client = RollcallClient(registry: MemoryBackend(), configuration: Self.quick)
        let greeter = try ServiceName("greeter")
        let runner = ServiceRunner(service: greeter, client: client, port: 0) { request in
            ServiceResponse(text: "hello \(try request.parameter("name") ?? "world")")
        }
        try await withRollcallClient(client) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runner.run() }
                let caller = try ServiceCaller(discovery: client.discovery)
                let answer = try await caller.call(greeter, ServiceRequest("/hello?name=you"))
                print(answer.text)
                runner.beginShutdown()
                try await group.waitForAll()
            }
        }
        #expect(said.all == ["hello you"])
    }

    @Test("writing a service: a registrar")
    func registrar() async throws {
        let client = RollcallClient(registry: MemoryBackend(), configuration: Self.quick)
        let listener = Listener()
        let greeter = try ServiceName("greeter")
        let registrar = try client.registrar {
            let port = try await listener.bind()
            return try ServiceInstance(
                service: greeter,
                endpoints: [Endpoint(scheme: "tcp", host: "127.0.0.1", port: port)]
            )
        }
        try await withRollcallClient(client) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await registrar.run() }
                try await registrar.waitUntilRegistered()
                try registrar.update(InstanceChange(status: .maintenance))
                try await client.discovery.withUpdates(of: greeter) { updates in
                    for try await snapshot in updates where snapshot.instances.first?.status == .maintenance { break }
                }
                registrar.beginShutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test("calling a service")
    func calls() async throws {
        let said = Said()
        func print(_ text: String) { said.add(text) }
        func call(_ endpoint: Endpoint) async throws -> String { endpoint.authority }
        func isRepeatable(_ error: any Error) -> Bool { true }
        let client = RollcallClient(registry: MemoryBackend(), configuration: Self.quick)
        try await withRollcallClient(client) { client in
            let instance = try ServiceInstance(
                service: ServiceName("web"),
                endpoints: [Endpoint("http://10.0.0.7:8080")],
                zone: "north"
            )
            try await withRegistration(of: instance, in: client.registry, configuration: Self.quick.registrar) { _ in
                let web = try ServiceName("web")
                let discovery = client.discovery
                let answer = try await discovery.withInstance(of: web, attempts: 2, retryingIf: isRepeatable) {
                    try await call($0.endpoint)
                }
                #expect(answer == "10.0.0.7:8080")
                do throws(BackendError) {
                    let instance = try discovery.pick(web)
                    print("call \(instance.endpoint)")
                } catch {
                    print("\(error.code): \(error.message)")
                }
                let near = InstanceFilter.zone("north") && !.tags("canary")
                var picker = discovery.picker(for: web, where: .also(near), balancer: .roundRobin)
                for _ in 0..<10 {
                    guard let instance = picker.pick() else { break }
                    print("call \(instance.endpoint)")
                }
            }
        }
        #expect(said.all == Array(repeating: "call http://10.0.0.7:8080", count: 11))
    }

    @Test("calling a service: who comes and goes")
    func events() async throws {
        let said = Said()
        let client = RollcallClient(registry: MemoryBackend(), configuration: Self.quick)
        let instance = try ServiceInstance(
            service: ServiceName("team-a"),
            id: InstanceID("x"),
            endpoints: [Endpoint("http://127.0.0.1:1")]
        )
        try await withRollcallClient(client) { client in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await Self.tell(client.discovery) { said.add($0) } }
                defer { group.cancelAll() }
                try await withRegistration(
                    of: instance,
                    in: client.registry,
                    configuration: Self.quick.registrar
                ) { _ in
                    try await eventually { said.all == ["+ team-a/x http://127.0.0.1:1 passing"] }
                }
                try await eventually { said.all.last == "- team-a/x http://127.0.0.1:1 maintenance deregistered" }
            }
        }
    }

    private static func tell(_ discovery: Discovery, print: (String) -> Void) async throws {
        try await discovery.withEvents(matching: ServicePattern("team-*")) { events in
            for try await event in events {
                switch event {
                case .registered(let instance): print("+ \(instance)")
                case .updated(_, let instance): print("= \(instance)")
                case .removed(let instance, let reason): print("- \(instance) \(reason)")
                }
            }
        }
    }

    @Test("calling a service: one's own balancer")
    func balancer() throws {
        let instances = try ["a", "b", "c"].map { id in
            try ServiceInstance(
                service: ServiceName("web"),
                id: InstanceID(id),
                endpoints: [Endpoint("http://127.0.0.1:1")]
            )
        }
        let table = StickyBalancer().table(for: SelectionPool(instances: instances), replacing: nil)
        #expect(table.pick(PickRequest(key: "ada", random: 1)) == table.pick(PickRequest(key: "ada", random: 2)))
        #expect(Set((0..<30).map { table.pick(PickRequest(key: "user-\($0)", random: 0)) }) == [0, 1, 2])
    }

    @Test("running the hub: as a part of a program")
    func hub() async throws {
        let folder = NSTemporaryDirectory() + "rollcall-article-" + UUID().uuidString
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func work(with url: String) async throws {
            #expect(try await HubBackend(url: url).health().canWrite)
        }
        let hub = try HubServer(HubServer.Configuration(port: 0, folder: folder))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await hub.run() }
            try await work(with: hub.url)
            await hub.shutDown()
        }
    }

    @Test("implementing a backend")
    func backend() throws {
        @Sendable func connect(to url: String, _ namespace: Namespace) throws(BackendError) -> any RegistryBackend {
            MemoryBackend(namespace: namespace)
        }
        var backends = RollcallClient.builtInBackends
        backends["mine"] = { (url, namespace) throws(BackendError) in try connect(to: url, namespace) }
        let client = try RollcallClient(RollcallConfiguration(backend: "mine://127.0.0.1:9000"), backends: backends)
        #expect(client.registry.name == "memory")
    }

    /// A client's configuration whose drain is short.
    private static var quick: RollcallConfiguration {
        RollcallConfiguration(registrar: RegistrarConfiguration(drain: .milliseconds(10)))
    }
}

/// What an article's code printed.
private final class Said: Sendable {
    private let texts = Mutex<[String]>([])

    var all: [String] { self.texts.withLock { $0 } }

    func add(_ text: String) { self.texts.withLock { $0.append(text) } }
}
