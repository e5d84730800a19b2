@testable import Rollcall

/// A document as a tree, for tests that look into it here and there.
indirect enum JSONTree: Hashable, Sendable {
    case null
    case boolean(Bool)
    case number(Double)
    case text(String)
    case list([JSONTree])
    case object([String: JSONTree])

    /// Reads a JSON document.
    init(json: some Collection<UInt8>) throws {
        var reader = JSONReader(json)
        self = try Self.read(from: &reader)
        try reader.end()
    }

    private static func read(from reader: inout JSONReader) throws(ValidationError) -> JSONTree {
        reader.skipSpace()
        switch reader.peek {
        case UInt8(ascii: "{"):
            var members: [String: JSONTree] = [:]
            try reader.object { (reader, name) throws(ValidationError) in
                guard members.updateValue(try Self.read(from: &reader), forKey: name) == nil else {
                    throw ValidationError(field: name, message: "is there twice")
                }
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONTree] = []
            try reader.array { (reader) throws(ValidationError) in elements.append(try Self.read(from: &reader)) }
            return .list(elements)
        case UInt8(ascii: "\""): return .text(try reader.string())
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean(try reader.boolean())
        case UInt8(ascii: "n"):
            _ = try reader.isNull()
            return .null
        default:
            guard let number = Double(try reader.number()) else { throw reader.fault("a number") }
            return .number(number)
        }
    }

    /// A member of an object.
    subscript(name: String) -> JSONTree? {
        if case .object(let members) = self { members[name] } else { nil }
    }

    /// An element of a list.
    subscript(index: Int) -> JSONTree? {
        guard case .list(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }

    var number: Int? { if case .number(let number) = self { Int(exactly: number) } else { nil } }

    var list: [JSONTree] { if case .list(let elements) = self { elements } else { [] } }

    var members: [String: JSONTree] { if case .object(let members) = self { members } else { [:] } }
}
