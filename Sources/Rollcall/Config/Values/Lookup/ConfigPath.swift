/// The way to a value in a tree: `limits.perSecond`.
///
/// What `AbsoluteConfigKey` is in swift-configuration.
public struct ConfigPath: Hashable, Sendable {
    /// The keys, from the outermost in.
    public let components: [String]

    /// Creates a path from its keys, which may have dots in them.
    ///
    /// - Parameter components: The keys, from the outermost in.
    public init(_ components: [String]) {
        self.components = components
    }

    /// Creates a path from a text in which dots stand between the keys.
    ///
    /// - Parameter text: The text, such as `limits.perSecond`; an empty one is the whole tree.
    public init(_ text: String) {
        self.components =
            text.isEmpty ? [] : text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    }

    /// The path of a value in the one that this is the path of.
    ///
    /// - Parameter key: Its key there.
    /// - Returns: The longer path.
    public func appending(_ key: String) -> ConfigPath {
        ConfigPath(self.components + [key])
    }

    /// Whether this is the path of a value, or of one in which it stands.
    ///
    /// - Parameter other: The path of the value.
    /// - Returns: Whether that begins with all keys of this one.
    public func contains(_ other: ConfigPath) -> Bool {
        other.components.starts(with: self.components)
    }

    /// The environment variable that stands for it: `HTTP_SERVER_TIMEOUT` for `http.serverTimeout`.
    ///
    /// As in swift-configuration, words within a key are told apart by their capitals, and whatever is neither a letter
    /// nor a digit is an underscore.
    public var variableName: String {
        self.components.map { component in
            var name = ""
            var isAfterSmall = false
            for character in component.utf8 {
                guard character.isASCIILetter || character.isDigit else {
                    // One underscore for a character, however many bytes it has.
                    if character & 0xC0 != 0x80 { name += "_" }
                    isAfterSmall = false
                    continue
                }
                let isCapital = character.isASCIILetter && character & 0x20 == 0
                if isCapital, isAfterSmall { name += "_" }
                name.unicodeScalars.append(UnicodeScalar(character))
                isAfterSmall = !isCapital
            }
            return name.uppercased()
        }.joined(separator: "_")
    }
}

extension ConfigPath: ExpressibleByStringLiteral, CustomStringConvertible {
    /// Creates a path from a text in which dots stand between the keys.
    public init(stringLiteral value: String) { self.init(value) }

    /// The text form; keys that have dots themselves stand in quotes.
    public var description: String { self.components.map(\.asPathComponent).joined(separator: ".") }
}
