#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension MemoryBackend: ConfigHistoryBackend, ConfigBatchBackend {
    /// What this backend takes: 1 MiB under a key.
    public var configCapabilities: ConfigCapabilities { ConfigCapabilities(maximumBytes: 1 << 20) }

    private var config: MemoryConfigStore { self.registry.config }

    /// See ``ConfigBackend/entry(for:)``.
    public func entry(for key: ConfigKey) async throws(BackendError) -> ConfigEntry? {
        try self.reaching("read", key: key.text) { () throws(BackendError) in
            try self.config.read { table throws(BackendError) in table.entry(at: self.place(key)) }
        }
    }

    /// See ``ConfigBackend/write(_:to:expecting:)``.
    public func write(
        _ draft: ConfigDraft,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        let change = ConfigChange(key, .write(draft), expecting: expectation)
        guard let entry = try self.apply([change], "write", key: key.text)[0] else {
            throw BackendError(.protocolViolation, "a write left nothing", backend: self.name, key: key.text)
        }
        return entry
    }

    /// See ``ConfigBackend/delete(_:expecting:)``.
    @discardableResult
    public func delete(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> Bool {
        let place = self.place(key)
        return try self.reaching("delete", key: key.text) { () throws(BackendError) in
            try self.config.change { table throws(BackendError) in
                let item = try table.delete(at: place, expecting: expectation, date: Date())
                return (item != nil, item == nil ? [] : [place])
            }
        }
    }

    /// See ``ConfigBackend/keys(under:)``.
    public func keys(under prefix: String) async throws(BackendError) -> [ConfigSummary] {
        try self.reaching("keys", key: nil) { () throws(BackendError) in
            try self.config.read { table throws(BackendError) in
                table.entries(in: self.namespace, under: prefix).map(\.summary)
            }
        }
    }

    /// See ``ConfigBackend/watch(_:deliver:)``.
    public func watch(
        _ key: ConfigKey,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        try await self.config.watch(self.place(key), deliver: deliver)
    }

    /// See ``ConfigHistoryBackend/history(of:)``.
    public func history(of key: ConfigKey) async throws(BackendError) -> [ConfigHistoryItem] {
        try self.reaching("history", key: key.text) { () throws(BackendError) in
            try self.config.read { table throws(BackendError) in
                table.history(at: self.place(key)).map {
                    ConfigHistoryItem($0.entry.summary, isDeletion: $0.isDeletion)
                }
            }
        }
    }

    /// See ``ConfigHistoryBackend/entry(for:version:)``.
    public func entry(for key: ConfigKey, version: Int64) async throws(BackendError) -> ConfigEntry? {
        try self.reaching("read", key: key.text) { () throws(BackendError) in
            try self.config.read { table throws(BackendError) in
                table.history(at: self.place(key)).first { $0.entry.version == version && !$0.isDeletion }?.entry
            }
        }
    }

    /// See ``ConfigHistoryBackend/rollBack(_:to:expecting:)``.
    public func rollBack(
        _ key: ConfigKey,
        to version: Int64,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        let place = self.place(key)
        return try self.reaching("roll back", key: key.text) { () throws(BackendError) in
            try self.config.change { table throws(BackendError) in
                let item = try table.rollBack(at: place, to: version, expecting: expectation, date: Date())
                return (item.entry, [place])
            }
        }
    }

    /// See ``ConfigBatchBackend/apply(_:)``.
    public func apply(_ changes: [ConfigChange]) async throws(BackendError) -> [ConfigEntry?] {
        try self.apply(changes, "batch", key: nil)
    }

    private func apply(
        _ changes: [ConfigChange],
        _ operation: String,
        key: String?
    ) throws(BackendError) -> [ConfigEntry?] {
        try self.reaching(operation, key: key) { () throws(BackendError) in
            try changes.check(limit: self.configCapabilities.maximumBytes)
            return try self.config.change { table throws(BackendError) in
                let items = try table.apply(changes, in: self.namespace, date: Date())
                return (items.map { $0.flatMap { $0.isDeletion ? nil : $0.entry } }, changes.map { self.place($0.key) })
            }
        }
    }

    func place(_ key: ConfigKey) -> ConfigTable.Place {
        ConfigTable.Place(namespace: self.namespace, key: key)
    }
}
