import Synchronization

// Single values by path, as swift-configuration's readers look them up.
extension ConfigManager {
    /// One state of all keys, in which values are looked up by path: those of `shop/limits` begin with `shop.limits`.
    ///
    /// All look-ups of it see the same editions, whatever changes meanwhile. Values of secret keys are secret.
    ///
    /// ```swift
    /// let lookup = LayeredLookup([EnvironmentLookup(environment), try manager.lookup()])
    /// let rate = try lookup.int(at: "shop.limits.perSecond") ?? 100       // SHOP_LIMITS_PER_SECOND goes first
    /// ```
    ///
    /// - Parameter name: What errors and text forms call it.
    /// - Returns: The state; of keys for whose format there is no parser it has nothing.
    /// - Throws: A ``ConfigFormatError`` for a content that is not what its format calls for.
    public func lookup(name: String = "live") throws(ConfigFormatError) -> ConfigLookup {
        let (editions, secretKeys) = self.state.withLock { state in
            (state.machine.inForce, self.keys.filter { state.machine.entries[$0]?.item.isSecret == true })
        }
        var root = ConfigValue.object([:])
        for key in self.keys {
            guard let content = editions[key]?.content, self.configuration.reader.canRead(content.format) else {
                continue
            }
            root = root.merging(try self.configuration.reader.parse(content), at: key.segments[...])
        }
        let secret = secretKeys.map { ConfigPath($0.segments) }
        return ConfigLookup(
            root,
            name: name,
            secrets: ConfigSecrets { path in
                secret.contains { path.components.starts(with: $0.components) }
            }
        )
    }

    /// Delivers the state of all keys, then each that follows, until the manager ends or the task is cancelled.
    ///
    /// - Parameters:
    ///   - name: What errors and text forms call each.
    ///   - deliver: Takes each state; of several in a short time only the last may be delivered.
    /// - Throws: What `deliver` throws; a ``ConfigFormatError`` as ``lookup(name:)``; `cancelled`.
    public func watchLookups(
        name: String = "live",
        deliver: (ConfigLookup) async throws -> Void
    ) async throws {
        try await self.withUpdates { updates in
            for try await _ in updates { try await deliver(self.lookup(name: name)) }
        }
    }
}

extension ConfigKey {
    fileprivate var segments: [String] { self.text.split(separator: "/").map(String.init) }
}

extension ConfigValue {
    /// The tree with another one laid into it; what both have is the other's.
    fileprivate func merging(_ other: ConfigValue, at path: ArraySlice<String>) -> ConfigValue {
        guard let first = path.first else {
            guard case .object(let added) = other, case .object(let own) = self else { return other }
            return .object(own.merging(added) { $0.merging($1, at: []) })
        }
        var members: [String: ConfigValue] = [:]
        if case .object(let own) = self { members = own }
        members[first] = (members[first] ?? .object([:])).merging(other, at: path.dropFirst())
        return .object(members)
    }
}
