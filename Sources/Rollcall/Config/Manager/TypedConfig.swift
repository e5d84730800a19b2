import Synchronization

/// The value of a configuration that is in force, decoded once for each edition.
public final class TypedConfig<Value: Sendable>: Sendable {
    private struct Decoded {
        var valueChange: UInt64?
        var value: Value
    }

    /// What it is of.
    public let spec: ConfigSpec<Value>
    private let manager: ConfigManager
    private let decoded: Mutex<Decoded>

    init(_ spec: ConfigSpec<Value>, manager: ConfigManager) {
        self.spec = spec
        self.manager = manager
        self.decoded = Mutex(Decoded(valueChange: nil, value: spec.defaultValue))
    }

    /// The value, at once: of the edition in force, or the default while there is none.
    ///
    /// For an edition that is no such value, which only an item can let through that was not made by
    /// ``ConfigSpec/item(_:name:version:reader:)``, it is the value before.
    public var value: Value {
        let (edition, change) = self.manager.inForce(self.spec.key)
        let last = self.decoded.withLock { $0 }
        guard last.valueChange != change, let edition else { return last.value }
        // Without the lock, because what decodes and validates is not ours.
        let reader = self.manager.configuration.reader
        let value = (try? self.spec.value(of: edition.content, reader: reader)) ?? last.value
        self.decoded.withLock { decoded in
            guard let change, decoded.valueChange ?? 0 <= change else { return }
            decoded = Decoded(valueChange: change, value: value)
        }
        return value
    }
}

extension ConfigManager {
    /// The value of a configuration with a type, to be read as often as one likes.
    ///
    /// - Parameter spec: The configuration.
    /// - Returns: What reads it.
    public func typed<Value>(_ spec: ConfigSpec<Value>) -> TypedConfig<Value> { TypedConfig(spec, manager: self) }

    /// What is in force for a key, as a value of a type, decoded anew each time.
    ///
    /// - Parameters:
    ///   - key: The key.
    ///   - type: The type.
    /// - Returns: The value; `nil` for nothing yet.
    /// - Throws: A ``ConfigFormatError`` for a content that is no such value.
    public func value<Value: Decodable>(
        for key: ConfigKey,
        as type: Value.Type
    ) throws(ConfigFormatError) -> Value? {
        guard let edition = self.value(for: key) else { return nil }
        return try self.configuration.reader.decode(type, from: edition.content)
    }

    /// What is in force, and the count of what was before.
    func inForce(_ key: ConfigKey) -> (ConfigEdition?, UInt64?) {
        self.state.withLock { state in (state.machine.inForce[key], state.machine.entries[key]?.valueChange) }
    }
}
