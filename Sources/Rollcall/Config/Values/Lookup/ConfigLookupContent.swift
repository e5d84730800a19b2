/// The types that a look-up asks for; the same as in swift-configuration.
public enum ConfigLookupType: String, Hashable, Sendable, CaseIterable {
    /// A text.
    case string
    /// A whole number.
    case int
    /// A number.
    case double
    /// `true` or `false`.
    case bool
    /// Bytes.
    case bytes
    /// Texts.
    case stringArray
    /// Whole numbers.
    case intArray
    /// Numbers.
    case doubleArray
    /// Each `true` or `false`.
    case boolArray
    /// Bytes, several times.
    case byteChunkArray
}

/// A value of one of these types.
public enum ConfigLookupContent: Hashable, Sendable {
    /// A text.
    case string(String)
    /// A whole number.
    case int(Int)
    /// A number.
    case double(Double)
    /// `true` or `false`.
    case bool(Bool)
    /// Bytes.
    case bytes([UInt8])
    /// Texts.
    case stringArray([String])
    /// Whole numbers.
    case intArray([Int])
    /// Numbers.
    case doubleArray([Double])
    /// Each `true` or `false`.
    case boolArray([Bool])
    /// Bytes, several times.
    case byteChunkArray([[UInt8]])
}

/// A value that was found, and whether it may be shown.
public struct ConfigLookupValue: Hashable, Sendable {
    /// The value.
    public var content: ConfigLookupContent
    /// Whether it is kept out of every text form.
    public var isSecret: Bool

    /// Creates a value.
    ///
    /// - Parameters:
    ///   - content: The value.
    ///   - isSecret: Whether it is kept out of every text form.
    public init(_ content: ConfigLookupContent, isSecret: Bool) {
        self.content = content
        self.isSecret = isSecret
    }
}

extension ConfigLookupValue: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What stands in the place of a secret.
    static let redacted = "<redacted>"

    /// The value, unless it is secret.
    public var description: String {
        guard !self.isSecret else { return Self.redacted }
        switch self.content {
        case .string(let value): return value.quotedForDisplay
        case .int(let value): return "\(value)"
        case .double(let value): return "\(value)"
        case .bool(let value): return "\(value)"
        case .bytes(let value): return "\(value.count) bytes"
        case .stringArray(let values): return "[\(values.map(\.quotedForDisplay).joined(separator: ", "))]"
        case .intArray(let values): return "\(values)"
        case .doubleArray(let values): return "\(values)"
        case .boolArray(let values): return "\(values)"
        case .byteChunkArray(let values): return "\(values.map { "\($0.count) bytes" })"
        }
    }

    /// The value, unless it is secret.
    public var debugDescription: String { self.description }

    /// No parts, so that no debugger prints a secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A value that is there and is not of the type that was asked for.
///
/// It has nothing of the value.
public struct ConfigLookupError: Error, Hashable, Sendable {
    /// The name of the layer that has the value.
    public var source: String
    /// Which value.
    public var path: ConfigPath
    /// What was asked for.
    public var type: ConfigLookupType
    /// What is there instead, or what would be right.
    public var message: String

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - source: The name of the layer that has the value.
    ///   - path: Which value.
    ///   - type: What was asked for.
    ///   - message: What is there instead, or what would be right, without a piece of the value.
    public init(source: String, path: ConfigPath, type: ConfigLookupType, message: String) {
        self.source = source
        self.path = path
        self.type = type
        self.message = message
    }
}

extension ConfigLookupError: CustomStringConvertible {
    /// The text form.
    public var description: String {
        "\(self.path) of \(self.source) cannot be read as \(self.type.rawValue): \(self.message)"
    }
}

/// Which values are kept out of every text form.
public struct ConfigSecrets: Sendable {
    private let isSecret: @Sendable (ConfigPath) -> Bool

    /// Those for whose path this says so.
    ///
    /// - Parameter isSecret: Whether the value at a path is secret.
    public init(_ isSecret: @escaping @Sendable (ConfigPath) -> Bool) {
        self.isSecret = isSecret
    }

    /// No value.
    public static let none = ConfigSecrets { _ in false }

    /// Every value.
    public static let all = ConfigSecrets { _ in true }

    /// The values at these paths, and what stands in them.
    ///
    /// - Parameter paths: The paths.
    /// - Returns: The rule.
    public static func at(_ paths: ConfigPath...) -> ConfigSecrets {
        ConfigSecrets { path in paths.contains { $0.contains(path) } }
    }

    /// Whether the value at a path is secret.
    ///
    /// - Parameter path: The path.
    /// - Returns: What the rule says.
    public func contains(_ path: ConfigPath) -> Bool {
        self.isSecret(path)
    }
}
