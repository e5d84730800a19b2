/// A header field of HTTP/2: its name is in lower case, and that of a pseudo field begins with a colon.
package struct HTTP2Field: Hashable, Sendable {
    /// The name.
    package let name: String
    /// The value.
    package let value: String

    /// Creates a field.
    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

extension [HTTP2Field] {
    /// The value of the first field with a name, in lower case.
    package func first(_ name: String) -> String? { self.first { $0.name == name }?.value }
}
