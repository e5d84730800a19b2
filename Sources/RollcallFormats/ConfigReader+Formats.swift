public import Rollcall

extension ConfigReader {
    /// Reads JSON, plain text, YAML and TOML: ``core`` with ``yaml(_:)`` and ``toml(_:)``.
    public static let all = ConfigReader.core
        .adding(.yaml) { (content) throws(ConfigFormatError) in try Self.yaml(content) }
        .adding(.toml) { (content) throws(ConfigFormatError) in try Self.toml(content) }

    /// Reads TOML 1.0.
    ///
    /// Dates and times become texts in the form of RFC 3339. Whole numbers must fit 64 bits; `inf` and `nan` are
    /// numbers.
    ///
    /// - Parameter content: What to read.
    /// - Returns: An object.
    /// - Throws: A ``ConfigFormatError`` that says where the text breaks the rules of TOML.
    public static func toml(_ content: ConfigContent) throws(ConfigFormatError) -> ConfigValue {
        try TOMLParser.parse(content)
    }

    /// Reads one document of YAML by the core schema of YAML 1.2.
    ///
    /// So `yes`, `no`, `on` and `off` are texts, and so are dates. Further:
    ///
    /// - A key is a text as it is written, also where a value would be a number; it stands in its mapping once.
    /// - Aliases are replaced by what they stand for, which may make 100 000 values at most.
    /// - Merge keys (`<<`), which are no part of YAML 1.2, are refused; in quotes, `"<<"` is a key like any other.
    /// - Of tags there are `!`, `!!null`, `!!bool`, `!!int`, `!!float`, `!!str`, `!!seq` and `!!map`.
    /// - A second document is refused, and an empty one is ``ConfigValue/null``.
    ///
    /// - Parameter content: What to read.
    /// - Returns: The value.
    /// - Throws: A ``ConfigFormatError`` that says where the text breaks these rules.
    public static func yaml(_ content: ConfigContent) throws(ConfigFormatError) -> ConfigValue {
        try YAMLDocument.parse(content)
    }
}
