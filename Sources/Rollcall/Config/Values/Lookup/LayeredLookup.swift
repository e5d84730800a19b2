/// Several sources over each other: the first that has a value counts.
///
/// ```swift
/// let lookup = LayeredLookup([EnvironmentLookup(environment), live, defaults])
/// ```
///
/// It is made of one state of each source and keeps it, so that all look-ups of it fit together. A value of the wrong
/// type is an error and does not let the next source through, because somebody has set it.
public struct LayeredLookup: ConfigLookupSource {
    /// What errors and text forms call it.
    public var name: String { self.layers.map(\.name).joined(separator: ", ") }
    private let layers: [any ConfigLookupSource]

    /// Puts sources over each other.
    ///
    /// - Parameter layers: The sources, the one that counts most first.
    public init(_ layers: [any ConfigLookupSource]) {
        self.layers = layers
    }

    /// Looks a value up; it is secret if any source says so.
    public func value(at path: ConfigPath, as type: ConfigLookupType) throws(ConfigLookupError) -> ConfigLookupValue? {
        for layer in self.layers {
            guard var value = try layer.value(at: path, as: type) else { continue }
            value.isSecret = value.isSecret || self.isSecret(path)
            return value
        }
        return nil
    }

    /// Whether any source says that the value at a path is secret.
    public func isSecret(_ path: ConfigPath) -> Bool { self.layers.contains { $0.isSecret(path) } }
}

extension LayeredLookup: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The text forms of the sources.
    public var description: String { "\(self.layers.map { "\($0)" })" }

    /// The same as the short form: what a source shows of itself, another may call secret.
    public var debugDescription: String { self.description }

    /// No parts, so that no debugger prints a secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}
