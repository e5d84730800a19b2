import HTTPEngine
public import Rollcall

extension ConsulBackend {
    /// The most bytes of an answer that lists keys: Consul sends contents along.
    private static let maximumListBytes = 1 << 30

    /// See ``ConfigBackend/keys(under:)``.
    ///
    /// Consul sends the contents along, too.
    public func keys(under prefix: String) async throws(BackendError) -> [ConfigSummary] {
        let answer = try await self.calls.send(
            ConsulCall(
                path: Self.path(ofKey: self.configLayout.beginning(of: prefix)),
                operation: "keys",
                query: [("recurse", "")] + self.freshness,
                accepted: [404],
                maximumBytes: Self.maximumListBytes
            )
        )
        let entries = try Self.keyValues(answer, "keys", nil)
        return entries.compactMap { entry -> ConfigSummary? in
            guard let key = self.configLayout.key(of: entry), key.text.utf8.starts(with: prefix.utf8) else {
                return nil
            }
            return StoredConfig(key: key, layout: self.configLayout, stored: entry).summary
        }
        .sorted { $0.key < $1.key }
    }

    /// See ``ConfigBackend/watch(_:deliver:)``.
    public func watch(
        _ key: ConfigKey,
        deliver: @escaping @Sendable (ConfigState) -> Void
    ) async throws(BackendError) -> Never {
        WorkGauge.enter()
        defer { WorkGauge.leave() }
        let encoded = self.configKey(key)
        var latest: ConfigState?
        try await self.follow("watch of the key \(key)") {
            ConsulCall(
                path: Self.path(ofKey: encoded),
                operation: "watch",
                key: key.text,
                query: self.freshness,
                accepted: [404]
            )
        } changed: { answer throws(BackendError) in
            let entry = try Self.keyValues(answer, "watch", key.text).first { $0.key == encoded }
            let state = StoredConfig(key: key, layout: self.configLayout, stored: entry).state
            // Changes of other keys may wake the query, too.
            guard state != latest else { return }
            latest = state
            deliver(state)
        }
    }
}
