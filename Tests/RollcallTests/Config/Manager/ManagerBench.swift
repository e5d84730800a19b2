import Foundation
import Rollcall
import Synchronization
import Testing

/// What the tests of the manager share.
final class ManagerBench: Sendable {
    let main: ConfigKey
    let other: ConfigKey
    let backend = ScriptedConfigBackend()
    private let lines = Mutex<[(Log.Level, String)]>([])

    init() throws {
        self.main = try ConfigKey("/config/my-app/main")
        self.other = try ConfigKey("/config/my-app/db")
    }

    /// What was logged.
    var said: [String] { self.lines.withLock { $0.map(\.1) } }

    /// How often something with a text in it was logged, at a level or above.
    func count(_ text: String, from level: Log.Level = .info) -> Int {
        self.lines.withLock { $0.count { $0.0 >= level && $0.1.contains(text) } }
    }

    var configuration: ConfigManagerConfiguration {
        var configuration = ConfigManagerConfiguration(
            log: Log(minimum: .debug) { level, _, message in self.lines.withLock { $0.append((level, message)) } }
        )
        configuration.startPatience = .seconds(30)
        configuration.diskCopyInterval = .milliseconds(1)
        return configuration
    }

    func manager(
        _ items: [ConfigItem],
        over backend: (any ConfigBackend)? = nil,
        _ change: (inout ConfigManagerConfiguration) -> Void = { _ in }
    ) -> ConfigManager {
        var configuration = self.configuration
        change(&configuration)
        return ConfigManager(backend: backend ?? self.backend, items: items, configuration: configuration)
    }

    /// An item with a text.
    func item(
        _ key: ConfigKey? = nil,
        _ text: String? = "own",
        version: Int64 = 0,
        validate: ConfigItem.Validator? = nil
    ) -> ConfigItem {
        ConfigItem(key ?? self.main, text.map { ConfigContent($0) }, version: version, validate: validate)
    }

    /// Refuses a text, and passes another one over.
    static let picky: ConfigItem.Validator = { edition in
        if edition.content.text == "bad" { throw ConfigRejection("it is bad") }
        if edition.content.text == "skip" { throw ConfigRejection("it is odd", skips: true) }
    }
}

extension ConfigManager {
    /// What is in force, as a text.
    func text(_ key: ConfigKey) -> String? { self.value(for: key)?.content.text }
}

/// What subscribers were called with.
final class Calls: Sendable {
    private let calls = Mutex<[String]>([])

    var all: [String] { self.calls.withLock { $0 } }

    func add(_ call: String) { self.calls.withLock { $0.append(call) } }
}
