/// Checks documents against the part of JSON Schema that the hub's description uses, and more strictly in one thing:
/// a member that the schema does not name is an error unless it says `additionalProperties`.
struct SchemaChecker {
    let description: APIDescription

    private static let known: Set<String> = [
        "$ref", "description", "type", "required", "properties", "additionalProperties", "items", "enum", "pattern",
        "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    ]

    func check(_ value: JSONTree, _ schema: JSONTree, at place: String) throws {
        func fail(_ message: String) -> APIDescription.Mismatch {
            APIDescription.Mismatch(description: "\(place): \(message)")
        }
        let schema = try self.description.resolved(schema)
        if let unknown = schema.members.keys.first(where: { !Self.known.contains($0) }) {
            throw fail("the checker does not know '\(unknown)'")
        }
        let types = schema["type"]?.list.compactMap(\.text) ?? []
        let allowed = types.isEmpty ? [schema["type"]?.text].compactMap(\.self) : types
        guard allowed.isEmpty || allowed.contains(where: { Self.isType($0, value) }) else {
            throw fail("\(value) is not of type \(allowed)")
        }
        if let values = schema["enum"]?.list, !values.contains(value) { throw fail("\(value) is not one of \(values)") }
        switch value {
        case .null, .boolean: break
        case .number(let number):
            try Self.check(number, schema["minimum"], schema["maximum"], fail)
        case .text(let text):
            try Self.check(Double(text.unicodeScalars.count), schema["minLength"], schema["maxLength"], fail)
            guard let pattern = schema["pattern"]?.text else { return }
            guard try Regex(pattern).firstMatch(in: text) != nil else { throw fail("'\(text)' is not \(pattern)") }
        case .list(let elements):
            try Self.check(Double(elements.count), schema["minItems"], schema["maxItems"], fail)
            for (index, element) in elements.enumerated() {
                try self.check(element, schema["items"] ?? .object([:]), at: "\(place)[\(index)]")
            }
        case .object(let members): try self.check(members, schema, at: place, fail)
        }
    }

    private func check(
        _ members: [String: JSONTree],
        _ schema: JSONTree,
        at place: String,
        _ fail: (String) -> APIDescription.Mismatch
    ) throws {
        for name in schema["required"]?.list.compactMap(\.text) ?? [] where members[name] == nil {
            throw fail("'\(name)' is missing")
        }
        for (name, member) in members {
            if let known = schema["properties"]?[name] {
                try self.check(member, known, at: "\(place).\(name)")
                continue
            }
            switch schema["additionalProperties"] {
            case .boolean(true): continue
            case .object(let rest): try self.check(member, .object(rest), at: "\(place).\(name)")
            default: throw fail("'\(name)' is not in the document")
            }
        }
    }

    private static func check(
        _ number: Double,
        _ minimum: JSONTree?,
        _ maximum: JSONTree?,
        _ fail: (String) -> APIDescription.Mismatch
    ) throws {
        if case .number(let minimum) = minimum, number < minimum { throw fail("\(number) is below \(minimum)") }
        if case .number(let maximum) = maximum, number > maximum { throw fail("\(number) is above \(maximum)") }
    }

    private static func isType(_ name: String, _ value: JSONTree) -> Bool {
        switch (name, value) {
        case ("null", .null), ("boolean", .boolean), ("number", .number), ("string", .text), ("array", .list),
            ("object", .object):
            true
        case ("integer", .number(let number)): number == number.rounded()
        default: false
        }
    }
}
