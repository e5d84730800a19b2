#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A ``ConfigValue`` in which values are looked up by path and type.
///
/// ```swift
/// let lookup = ConfigLookup(try reader.parse(entry.content), name: "limits", secrets: .at("database.password"))
/// let rate = try lookup.int(at: "limits.perSecond") ?? 100
/// ```
///
/// | asked for | is read from |
/// |---|---|
/// | `string` | a text |
/// | `int` | a whole number, also one such as `1.0` |
/// | `double` | any number |
/// | `bool` | `true` or `false` |
/// | `bytes` | a text in base64 |
/// | an array | a list of nothing else |
///
/// Nothing else is converted. An object is no value.
public struct ConfigLookup: ConfigLookupSource {
    /// What errors and text forms call it.
    public let name: String
    private let root: ConfigValue
    private let secrets: ConfigSecrets

    /// Takes a tree.
    ///
    /// - Parameters:
    ///   - root: The tree; one that is no object has no values.
    ///   - name: What errors and text forms call it.
    ///   - secrets: Which values are kept out of every text form.
    public init(_ root: ConfigValue, name: String, secrets: ConfigSecrets = .none) {
        self.root = root
        self.name = name
        self.secrets = secrets
    }

    /// The paths of all values, in order; what stands in a list has no path, and `null` is no value.
    public var paths: [ConfigPath] {
        var paths: [ConfigPath] = []
        Self.collect(self.root, at: ConfigPath([]), into: &paths)
        return paths
    }

    /// Looks a value up.
    public func value(at path: ConfigPath, as type: ConfigLookupType) throws(ConfigLookupError) -> ConfigLookupValue? {
        guard let value = self.find(path), value != .null else { return nil }
        var list: [ConfigValue]?
        if case .list(let elements) = value { list = elements }
        guard let content = TreeScalars.content(value, list, as: type) else {
            throw ConfigLookupError(
                source: self.name,
                path: path,
                type: type,
                message: list == nil ? "it is \(value.kind)" : "it is a list, or has elements that are something else"
            )
        }
        return ConfigLookupValue(content, isSecret: self.isSecret(path))
    }

    /// Whether the value at a path is secret.
    public func isSecret(_ path: ConfigPath) -> Bool { self.secrets.contains(path) }

    private func find(_ path: ConfigPath) -> ConfigValue? {
        // The whole is an object, and an object is no value.
        guard !path.components.isEmpty else { return nil }
        var value = self.root
        for component in path.components {
            guard case .object(let members) = value, let member = members[component] else { return nil }
            value = member
        }
        return value
    }

    private static func collect(_ value: ConfigValue, at path: ConfigPath, into paths: inout [ConfigPath]) {
        guard case .object(let members) = value else {
            if value != .null, !path.components.isEmpty { paths.append(path) }
            return
        }
        for (key, member) in members.sorted(by: { $0.key < $1.key }) {
            Self.collect(member, at: path.appending(key), into: &paths)
        }
    }

    /// A value without what it was asked for, for text forms.
    private func shown(_ path: ConfigPath) -> String {
        guard !self.isSecret(path), let value = self.find(path) else { return ConfigLookupValue.redacted }
        for type in [ConfigLookupType.int, .string, .double, .bool, .intArray, .stringArray, .doubleArray, .boolArray] {
            if let found = try? self.value(at: path, as: type) { return found.description }
        }
        return value.kind
    }
}

extension ConfigLookup: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The name and how many values there are.
    public var description: String { "\(self.name)[\(self.paths.count) values]" }

    /// The name and all values that are no secrets.
    public var debugDescription: String {
        "\(self.name)[\(self.paths.map { "\($0)=\(self.shown($0))" }.joined(separator: ", "))]"
    }

    /// No parts, so that no debugger prints a secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

private enum TreeScalars: ConfigScalarReading {
    static func string(_ scalar: ConfigValue) -> String? {
        guard case .string(let value) = scalar else { return nil }
        return value
    }

    static func int(_ scalar: ConfigValue) -> Int? {
        switch scalar {
        case .integer(let value): Int(exactly: value)
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    static func double(_ scalar: ConfigValue) -> Double? {
        switch scalar {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    static func bool(_ scalar: ConfigValue) -> Bool? {
        guard case .bool(let value) = scalar else { return nil }
        return value
    }

    static func bytes(_ scalar: ConfigValue) -> [UInt8]? {
        self.string(scalar).flatMap { Data(base64Encoded: $0) }.map { Array($0) }
    }
}
