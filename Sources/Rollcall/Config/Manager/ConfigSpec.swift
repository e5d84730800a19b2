/// A configuration with its type: which Swift values its contents are, which one is used without any, which are taken,
/// and whether they may be shown.
///
/// ```swift
/// let limits = try ConfigSpec(ConfigKey("shop/limits"), default: Limits(perSecond: 100)) { limits in
///     guard limits.perSecond > 0 else { throw ConfigRejection("perSecond must be above 0") }
/// }
/// let manager = ConfigManager(backend: backend, items: [limits.item()])
/// let current = manager.typed(limits)
/// current.value.perSecond
/// ```
public struct ConfigSpec<Value: Sendable>: Sendable {
    /// Makes a value of a content.
    public typealias Decoder = @Sendable (ConfigContent, ConfigReader) throws -> Value

    /// Where it is stored.
    public let key: ConfigKey
    /// What is used while nothing is stored.
    public let defaultValue: Value
    /// Whether the content must not be shown: not in logs, and on the disk only encrypted.
    public let isSecret: Bool
    private let decode: Decoder
    private let validate: @Sendable (Value) throws -> Void

    /// Describes a configuration whose values are made in a way of their own.
    ///
    /// - Parameters:
    ///   - key: Where it is stored.
    ///   - defaultValue: What is used while nothing is stored.
    ///   - isSecret: Whether the content must not be shown; false by default.
    ///   - decode: Makes a value of a content, or throws.
    ///   - validate: Throws to refuse a value; takes all by default.
    public init(
        _ key: ConfigKey,
        default defaultValue: Value,
        isSecret: Bool = false,
        decode: @escaping Decoder,
        validate: @escaping @Sendable (Value) throws -> Void = { _ in }
    ) {
        self.key = key
        self.defaultValue = defaultValue
        self.isSecret = isSecret
        self.decode = decode
        self.validate = validate
    }

    /// Makes a value of a content and checks it.
    ///
    /// - Parameters:
    ///   - content: The content.
    ///   - reader: What reads the content's format.
    /// - Returns: The value.
    /// - Throws: Why there is none, or why it is refused.
    public func value(of content: ConfigContent, reader: ConfigReader = .core) throws -> Value {
        let value = try self.decode(content, reader)
        try self.validate(value)
        return value
    }

    /// The item for a manager, which takes exactly the contents that are values of this type and are not refused.
    ///
    /// - Parameters:
    ///   - content: The content that the program brings; by default none, so that it follows what is stored.
    ///   - name: What people call it; nothing by default.
    ///   - version: Which edition the content is; 0, for none yet, by default.
    ///   - reader: What reads the content's format; as the manager's configuration has it.
    /// - Returns: The item.
    public func item(
        _ content: ConfigContent? = nil,
        name: String = "",
        version: Int64 = 0,
        reader: ConfigReader = .core
    ) -> ConfigItem {
        ConfigItem(self.key, content, name: name, version: version, isSecret: self.isSecret) { edition in
            _ = try self.value(of: edition.content, reader: reader)
        }
    }
}

extension ConfigSpec where Value: Decodable {
    /// Describes a configuration whose contents are decoded as their format says.
    ///
    /// - Parameters:
    ///   - key: Where it is stored.
    ///   - defaultValue: What is used while nothing is stored.
    ///   - isSecret: Whether the content must not be shown; false by default.
    ///   - validate: Throws to refuse a value; takes all by default.
    public init(
        _ key: ConfigKey,
        default defaultValue: Value,
        isSecret: Bool = false,
        validate: @escaping @Sendable (Value) throws -> Void = { _ in }
    ) {
        self.init(
            key,
            default: defaultValue,
            isSecret: isSecret,
            decode: { content, reader in try reader.decode(Value.self, from: content) },
            validate: validate
        )
    }
}
