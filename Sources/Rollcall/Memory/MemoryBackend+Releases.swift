#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension MemoryBackend: ConfigReleaseBackend {
    private var config: MemoryConfigStore { self.registry.config }

    /// See ``ConfigReleaseBackend/candidate(for:)``.
    public func candidate(for key: ConfigKey) async throws(BackendError) -> ConfigCandidate? {
        try self.reaching("read", key: key.text) { () throws(BackendError) in
            try self.config.read { table throws(BackendError) in table.candidate(at: self.place(key)) }
        }
    }

    /// See ``ConfigReleaseBackend/propose(_:for:to:expecting:)``.
    public func propose(
        _ draft: ConfigDraft,
        for audience: ConfigAudience,
        to key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigCandidate {
        do throws(ValidationError) {
            try audience.check()
        } catch {
            throw BackendError(error)
        }
        return try self.reaching("propose", key: key.text) { () throws(BackendError) in
            try draft.check(limit: self.configCapabilities.maximumBytes)
            return try self.config.change { table throws(BackendError) in
                let place = self.place(key)
                let candidate = try table.propose(draft, for: audience, at: place, expecting: expectation, date: Date())
                return (candidate, [place])
            }
        }
    }

    /// See ``ConfigReleaseBackend/promote(_:expecting:)``.
    @discardableResult
    public func promote(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry {
        try self.reaching("promote", key: key.text) { () throws(BackendError) in
            try self.config.change { table throws(BackendError) in
                let place = self.place(key)
                return (try table.promote(at: place, expecting: expectation, date: Date()).entry, [place])
            }
        }
    }

    /// See ``ConfigReleaseBackend/abandon(_:expecting:)``.
    @discardableResult
    public func abandon(
        _ key: ConfigKey,
        expecting expectation: ConfigExpectation
    ) async throws(BackendError) -> ConfigEntry? {
        try self.reaching("abandon", key: key.text) { () throws(BackendError) in
            try self.config.change { table throws(BackendError) in
                let place = self.place(key)
                _ = try table.abandon(at: place, expecting: expectation, date: Date())
                return (table.entry(at: place), [place])
            }
        }
    }

    /// See ``ConfigReleaseBackend/entry(for:as:)``.
    public func entry(for key: ConfigKey, as instance: ConfigInstance) async throws(BackendError) -> ConfigEntry? {
        try self.reaching("read", key: key.text) { () throws(BackendError) in
            try self.config.read { table throws(BackendError) in table.entry(at: self.place(key), for: instance) }
        }
    }

    /// See ``ConfigReleaseBackend/watch(_:as:deliver:)``.
    public func watch(
        _ key: ConfigKey,
        as instance: ConfigInstance,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        try await self.config.watch(self.place(key), as: instance, deliver: deliver)
    }

    /// See ``ConfigReleaseBackend/report(_:as:)``.
    public func report(_ uses: [ConfigKey: Int64], as instance: ConfigInstance) async throws(BackendError) {
        try self.reaching("report", key: nil) { () throws(BackendError) in
            self.config.note(uses, of: instance, in: self.namespace)
        }
    }

    /// See ``ConfigReleaseBackend/readers(of:)``.
    public func readers(of key: ConfigKey) async throws(BackendError) -> [ConfigReaderStatus] {
        try self.reaching("readers", key: key.text) { () throws(BackendError) in
            self.config.readers(of: self.place(key))
        }
    }
}
