import ExampleSupport
import Rollcall

/// Configurations that change while the program runs: `swift run ExampleConfig`.
@main
enum ConfigExample {
    private static let flags = [
        Flag("changes", "3", "how often a second program, played by this one, changes the database; 0 for never"),
        Flag("every", "3s", "how often what is in force is shown, where nobody changes it here"),
        Flag("copy", "", "a file in which the last good editions are kept; none by default"),
    ]

    /// Where the database is: what a content is, and which contents are taken.
    struct Database: Decodable, Sendable {
        var host: String
        var port: Int
    }

    /// What the second subscriber fails with.
    struct SimulatedPanic: Error {}

    static func main() async {
        await ExampleProgram.run(self.flags) { flags in
            let changes = try flags.integer("changes", in: 0...1000)
            let pause = try Duration(text: flags["every"], field: "every")
            let client = try ExampleProgram.client(flags)
            guard let backend = client.registry as? any ConfigBackend else {
                throw BackendError(.unsupported, "\(client.registry.name): stores no configurations")
            }
            let program = try Program(backend: backend, copy: flags.ifGiven("copy"))
            try await withRollcallClient(client) { _ in
                try await withConfigManager(program.manager) { _ in
                    try await program.run(changes: changes, pause: pause)
                }
            }
            return 0
        }
    }
}

/// The program itself: two keys, a validator, two subscribers.
struct Program {
    private let backend: any ConfigBackend
    private let main: ConfigKey
    private let database: ConfigSpec<ConfigExample.Database>
    let manager: ConfigManager

    init(backend: any ConfigBackend, copy: String?) throws {
        self.backend = backend
        self.main = try ConfigKey("/config/my-app/main")
        self.database = ConfigSpec(
            try ConfigKey("/config/my-app/db"),
            default: ConfigExample.Database(host: "localhost", port: 5432)
        ) { database in
            guard !database.host.isEmpty else { throw ConfigRejection("host: a database needs one") }
        }
        let configuration = ConfigManagerConfiguration(
            diskCopy: copy,
            log: Log(minimum: .warning) { _, component, message in ExampleProgram.remark("\(component): \(message)") }
        )
        let greeting = ConfigContent(#"{"greeting":"hello"}"#, format: .json)
        self.manager = ConfigManager(
            backend: backend,
            items: [
                ConfigItem(self.main, greeting, name: "Main") { edition in
                    guard !edition.content.bytes.isEmpty else { throw ConfigRejection("the content is empty") }
                },
                self.database.item(Self.content(0), name: "Database"),
            ],
            configuration: configuration
        )
    }

    func run(changes: Int, pause: Duration) async throws {
        let database = self.manager.typed(self.database)
        self.manager.subscribe(to: [self.database.key]) { _, edition in
            ExampleProgram.say("version \(edition.version): connecting to \(database.value.host)")
        }
        // It harms nobody: the manager says that it failed, and goes on to call it and the other one.
        self.manager.subscribe { _, _ in throw ConfigExample.SimulatedPanic() }
        try await self.manager.sync()
        self.show()
        for change in 0..<changes { try await self.change(change) }
        if changes == 0 { try await self.showAgain(every: pause) }
        // Subscribers finish before the last is said.
        try await self.manager.close()
        self.show()
        let versions = self.manager.history(of: self.database.key).map { "\($0.version) \($0.source.rawValue)" }
        ExampleProgram.say("history: " + versions.joined(separator: ", "))
    }

    private func showAgain(every pause: Duration) async throws {
        let signals = ExampleProgram.signals()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in signals { break } }
            group.addTask { while (try? await Task.sleep(for: pause)) != nil { self.show() } }
            await group.next()
            group.cancelAll()
        }
    }

    /// Shows what is in force, and what is not and why.
    private func show() {
        for key in self.manager.keys {
            guard let status = self.manager.status(of: key), let edition = status.current else { continue }
            ExampleProgram.say("\(edition): \(edition.content.text ?? "")")
            guard let quarantine = status.quarantine else { continue }
            ExampleProgram.say("  not used: version \(quarantine.edition.version), \(quarantine.reason)")
        }
    }

    /// Changes the database as another program would; each second time so that it must be refused.
    private func change(_ number: Int) async throws {
        let content = number.isMultiple(of: 2) ? Self.content(number + 1) : ConfigContent("{}", format: .json)
        let written = try await self.backend.write(
            ConfigDraft(content, name: "Database"),
            to: self.database.key,
            expecting: .any
        )
        try await self.manager.withUpdates(of: [self.database.key]) { updates in
            for try await update in updates where update.stored == .present(version: written.version) { break }
        }
    }

    private static func content(_ number: Int) -> ConfigContent {
        ConfigContent(#"{"host":"db-\#(number).example","port":5432}"#, format: .json)
    }
}
