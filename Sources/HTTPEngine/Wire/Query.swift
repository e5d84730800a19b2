package import Rollcall

/// The names and values of a query, in order.
package struct Query: Sendable {
    /// What stands in it.
    package let items: [(name: String, value: String)]

    /// Reads a query.
    ///
    /// - Parameter text: What stands behind the `?`.
    /// - Throws: A ``ValidationError`` for a bad escape, which names the field.
    package init(_ text: Substring) throws(ValidationError) {
        var items: [(String, String)] = []
        for part in text.split(separator: "&") {
            let mark = part.firstIndex(of: "=") ?? part.endIndex
            let name = try PercentEncoding.decode(part[..<mark], field: "query", plusIsSpace: true)
            let value = try PercentEncoding.decode(part[mark...].dropFirst(), field: name, plusIsSpace: true)
            items.append((name, value))
        }
        self.items = items
    }

    /// The first value of a name.
    package subscript(name: String) -> String? {
        self.items.first { $0.name == name }?.value
    }

    /// All values of a name.
    package func all(_ name: String) -> [String] {
        self.items.filter { $0.name == name }.map(\.value)
    }

    /// Checks that nothing else stands in it, so that a slip is not taken for a wish for everything.
    ///
    /// - Parameter isKnown: Whether a name has a meaning.
    /// - Throws: A ``ValidationError`` that names the first that has none.
    package func check(_ isKnown: (String) -> Bool) throws(ValidationError) {
        guard let unknown = items.first(where: { !isKnown($0.name) }) else { return }
        throw ValidationError(field: unknown.name, message: "there is no such parameter here")
    }
}
