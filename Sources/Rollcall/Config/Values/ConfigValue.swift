/// A configuration as a tree, whatever kind of text it was read from.
///
/// A date or a time is a ``string(_:)`` in the form of RFC 3339, which is also what ``decode(_:)`` reads a `Date` from.
public enum ConfigValue: Hashable, Sendable {
    /// Nothing.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A whole number.
    case integer(Int64)
    /// Any other number.
    case number(Double)
    /// A text.
    case string(String)
    /// Values in an order.
    case list([ConfigValue])
    /// Values by their keys, which have no order; keys that look the same in Unicode (U+00E9 and e with U+0301) are one.
    case object([String: ConfigValue])

    /// What sort of value it is, for messages, which never say the value itself.
    package var kind: String {
        switch self {
        case .null: "null"
        case .bool: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .string: "a text"
        case .list: "a list"
        case .object: "an object"
        }
    }
}

extension ConfigValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    /// Creates ``null``.
    public init(nilLiteral: ()) { self = .null }
    /// Creates a ``bool(_:)``.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// Creates an ``integer(_:)``.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// Creates a ``number(_:)``.
    public init(floatLiteral value: Double) { self = .number(value) }
    /// Creates a ``string(_:)``.
    public init(stringLiteral value: String) { self = .string(value) }
    /// Creates a ``list(_:)``.
    public init(arrayLiteral elements: ConfigValue...) { self = .list(elements) }
    /// Creates an ``object(_:)``; of several values under one key the last stays.
    public init(dictionaryLiteral elements: (String, ConfigValue)...) {
        self = .object(Dictionary(elements) { _, last in last })
    }
}
