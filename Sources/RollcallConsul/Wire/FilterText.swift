/// Expressions of Consul's language for filters.
enum FilterText {
    /// The parameter that lets through what has a value.
    ///
    /// - Parameters:
    ///   - selector: What is looked at, such as `Service.ID`.
    ///   - value: The value.
    /// - Returns: None for a value that the language has no way to write: what comes is looked through all the same.
    static func equality(_ selector: String, _ value: String) -> [(String, String)] {
        self.comparison(selector, "==", value)
    }

    /// The parameter that lets through what has another value.
    ///
    /// - Parameters:
    ///   - selector: What is looked at.
    ///   - value: The value.
    /// - Returns: None for a value that the language has no way to write.
    static func inequality(_ selector: String, _ value: String) -> [(String, String)] {
        self.comparison(selector, "!=", value)
    }

    private static func comparison(_ selector: String, _ sign: String, _ value: String) -> [(String, String)] {
        // It knows no escapes.
        let quote = value.contains("\"") || value.contains("\\") ? "`" : "\""
        guard !value.contains(quote) else { return [] }
        return [("filter", "\(selector) \(sign) \(quote)\(value)\(quote)")]
    }
}
